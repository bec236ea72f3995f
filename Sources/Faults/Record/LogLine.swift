internal import FoundationEssentials

/// What a replica said in its log, as far as a history needs it.
public struct LogLine: Hashable, Sendable {
    /// The constant part.
    public var message: String
    /// The term's, in lines about a term.
    public var epoch: UInt64?
    /// Why a term ended.
    public var reason: String?
    /// What failed.
    public var error: String?

    /// A line of these members.
    public init(message: String, epoch: UInt64? = nil, reason: String? = nil, error: String? = nil) {
        self.message = message
        self.epoch = epoch
        self.reason = reason
        self.error = error
    }

    /// Reads a line of the JSON log; what is none is its own message.
    init(parsing text: String) {
        struct Members: Decodable {
            var message: String
            var epoch: UInt64?
            var reason: String?
            var error: String?
        }
        if let members = try? JSONDecoder().decode(Members.self, from: Data(text.utf8)) {
            self.init(
                message: members.message, epoch: members.epoch, reason: members.reason, error: members.error)
        } else {
            self.init(message: text)
        }
    }
}
