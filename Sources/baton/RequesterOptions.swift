internal import ArgumentParser
internal import Glibc
internal import GroupState
internal import Operations

/// The person who requests something, and why: both stand in the history.
struct RequesterOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Why; it stands in the history.", valueName: "text"))
    var reason = ""

    @Option(
        name: .long,
        help: ArgumentHelp("Who; it stands in the history. (default: $BATON_OPERATOR, else $USER)", valueName: "name"))
    var by: String?

    func validate() throws {
        if reason.utf8.count > KeptNote.longestReason {
            throw ValidationError("--reason has more than \(KeptNote.longestReason) bytes. Say it shorter.")
        }
        if let name = said, name.text.utf8.count > KeptNote.longestName {
            throw ValidationError(
                "\(name.origin) has more than \(KeptNote.longestName) bytes. Give a shorter name with --by.")
        }
    }

    /// Who it is, and where that was said.
    private var said: (origin: String, text: String)? {
        let variables = ["BATON_OPERATOR", "USER", "LOGNAME"].map { ("$\($0)", Environment.variables[$0] ?? "") }
        return ([("--by", by ?? "")] + variables).first { !$0.1.isEmpty }
    }

    var requester: Requester {
        let name = said?.text
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let machine = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return Requester(name: "\(name ?? "somebody")@\(machine)", reason: reason)
    }
}
