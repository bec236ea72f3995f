internal import ArgumentParser
internal import Daemon
internal import Glibc

/// Who wishes something, and why: both stand in the history.
struct WisherOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Why; it stands in the history.", valueName: "text"))
    var reason = ""

    @Option(
        name: .long,
        help: ArgumentHelp("Who; it stands in the history. (default: $BATON_OPERATOR, else $USER)", valueName: "name"))
    var by: String?

    /// As long as what the group keeps may be, with room for the rest.
    private static let longestReason = 1000

    func validate() throws {
        if reason.utf8.count > Self.longestReason {
            throw ValidationError("--reason has more than \(Self.longestReason) bytes. Say it shorter.")
        }
    }

    var wisher: Wisher {
        let variables = Environment.variables
        let name = [by, variables["BATON_OPERATOR"], variables["USER"], variables["LOGNAME"]].lazy
            .compactMap { $0 }.first { !$0.isEmpty }
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let machine = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return Wisher(name: "\(name ?? "somebody")@\(machine)", reason: reason)
    }
}
