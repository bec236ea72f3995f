internal import ArgumentParser
internal import Formatting
internal import Operations

/// `baton cache get`.
struct CacheGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show what a key holds, its type and TTL, and what it points to.",
        discussion: """
            A value that is text is shown as it is; in keys and other values a byte that is no text is written \\xff, a backslash \
            \\\\. The status is 0 if the key is there, 1 if not.

            EXAMPLES
              baton cache get cache:appUsers:phone:13800000000
              baton cache get user:7 --json
              baton cache get report:2024 --raw > report
            """)

    @Argument(help: "The key.")
    var key: String

    @Flag(name: .long, help: "Write the bytes of a string, and nothing else.")
    var raw = false

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if raw, json { throw ValidationError("--raw and --json exclude one another.") }
    }

    func run() async throws {
        let tools = try options.tools()
        if raw {
            let status = try await tools.copyString(KeyText.bytes(key)) { Output.write($0) }
            if status != .done { throw status }
            return
        }
        let found = try await tools.get(KeyText.bytes(key))
        Output.write(json ? found.json : found.text(Output.layout))
        if found.status != .done { throw found.status }
    }
}
