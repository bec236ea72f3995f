internal import Glibc
internal import Operations

/// Asks the person at the terminal before something is changed.
enum Consent {
    /// - Parameters:
    ///   - question: such as `Clear these 7 keys?`.
    ///   - done: what will not have been done, such as `cleared`.
    /// - Throws: ``ExitStatus`` unless the answer is yes, having said that nothing was done.
    static func ask(_ question: String, _ done: String) throws {
        guard isatty(STDIN_FILENO) == 1 else {
            Output.complain("Nothing was \(done). Without a terminal to ask at, add --yes.")
            throw ExitStatus.usage
        }
        Output.write("\n\(question) [y/N] ")
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            Output.complain("Nothing was \(done).")
            throw ExitStatus.no
        }
    }
}
