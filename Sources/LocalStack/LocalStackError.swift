/// Why a server or program could not be started, reached or used.
public struct LocalStackError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is, for programs.
    public enum Code: Hashable, Sendable {
        /// A program that is needed is not installed.
        case missingProgram
        /// A program was started but ended, or did not get ready in time.
        case failedToStart
        /// A program ran and reported a failure.
        case commandFailed
        /// The process that was addressed is not running.
        case notRunning
        /// The operating system refused something: a file, a socket, a process.
        case system
    }

    /// What kind of failure it is, for programs.
    public let code: Code
    /// What happened and what to do about it, for people.
    public let message: String

    /// Puts a failure into words.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
