/// The point of its history at which a PostgreSQL server was when it was asked.
///
/// A position alone says nothing: a promoted standby writes as many bytes as the primary that died, and a server that
/// was restored from files goes through the same positions with other transactions.
public struct ServerHistory: Hashable, Sendable {
    /// The system identifier as `pg_controldata` shows it; the same on a primary, its standbys, and what was restored
    /// from their files.
    public var system: String
    public var database: String
    /// When the server was started, in microseconds since 1970, on its own clock: no two have the same.
    public var start: Int64
    /// Rises with each promotion. A standby tells it late: that of the last checkpoint that it replayed.
    public var timeline: UInt32
    /// It replays the log of another server.
    public var isStandby: Bool
    /// How much was written to the log; on a standby how much of it was replayed.
    public var position: WALPosition

    public init(
        system: String, database: String, start: Int64, timeline: UInt32, isStandby: Bool, position: WALPosition
    ) {
        self.system = system
        self.database = database
        self.start = start
        self.timeline = timeline
        self.isStandby = isStandby
        self.position = position
    }

    /// Whether it was asked of the same server, which was neither restarted nor promoted in between.
    public func isOfSameServer(as other: ServerHistory) -> Bool {
        var moved = other
        moved.position = position
        return self == moved
    }
}

// MARK: Text

extension ServerHistory: CustomStringConvertible {
    /// Six words, with spaces between: system, start, timeline, `primary` or `standby`, position, database.
    public var description: String {
        "\(system) \(start) \(timeline) \(isStandby ? "standby" : "primary") \(position) \(Self.escaped(database))"
    }

    /// How many words ``description`` has.
    static let wordCount = 6

    /// Reads the words of ``description``; nil for any others. More words, which a later version may add, are ignored.
    init?(words: some Collection<Substring>) {
        let words = words.prefix(Self.wordCount).map { $0 }
        guard words.count == Self.wordCount, let start = Int64(words[1]), let timeline = UInt32(words[2]),
            ["primary", "standby"].contains(words[3]), let position = WALPosition(words[4])
        else { return nil }
        self.init(
            system: String(words[0]), database: Self.unescaped(words[5]), start: start, timeline: timeline,
            isStandby: words[3] == "standby", position: position)
    }

    /// Reads the text of ``description``; nil for any other.
    public init?(_ text: String) {
        self.init(
            words: text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Substring.init))
    }

    /// The name of a database may hold spaces, which part the words.
    private static func escaped(_ name: String) -> String {
        var text: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "%"): text += Array("%25".utf8)
            case UInt8(ascii: " "): text += Array("%20".utf8)
            default: text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func unescaped(_ word: Substring) -> String {
        var name: [UInt8] = []
        var rest = word.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.starts(with: "20".utf8) || rest.starts(with: "25".utf8) {
                name.append(rest.starts(with: "20".utf8) ? UInt8(ascii: " ") : byte)
                rest = rest.dropFirst(2)
            } else {
                name.append(byte)
            }
        }
        return String(decoding: name, as: UTF8.self)
    }
}
