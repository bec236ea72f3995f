/// An error of a PostgreSQL connection or statement.
///
/// It never holds a password. ``description`` leaves out ``detail``, where servers report values of rows.
public struct PostgresError: Error, Hashable, Sendable {
    /// The kind of error, for programs.
    public enum Code: Hashable, Sendable {
        /// The server cannot be reached, refused TLS, or the connection broke. Trying again later may help.
        case connection
        /// The server does not accept the user, the password or the client's address.
        case authentication
        /// The waiting task was cancelled.
        case cancelled
        /// The server was silent for too long and was given up.
        case timeout
        /// The server reported an error, with this SQLSTATE (five characters).
        case server(sqlState: String)
        /// The connection was closed before.
        case closed
        /// The call was wrong and would be wrong again.
        case usage
    }

    public var code: Code
    /// What happened and what to do about it, for people.
    public var message: String
    /// The SQLSTATE, if the server reported one; also with the code ``Code/authentication``.
    public var sqlState: String?
    /// The server's own advice.
    public var hint: String?
    /// The server's details and context. They may hold values of rows.
    public var detail: String?
    /// libpq's or the server's own words, where ``message`` puts it in others.
    public var underlying: String?

    public init(
        code: Code,
        message: String,
        sqlState: String? = nil,
        hint: String? = nil,
        detail: String? = nil,
        underlying: String? = nil
    ) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.hint = hint
        self.detail = detail
        self.underlying = underlying
    }
}

extension PostgresError: CustomStringConvertible {
    /// Message, SQLSTATE, hint and the underlying words, on one line.
    public var description: String {
        var text = message
        if let sqlState { text += " [SQLSTATE \(sqlState)]" }
        if let hint { text += " Hint: \(hint)" }
        if let underlying { text += " (\(underlying))" }
        return text
    }
}

// MARK: Errors of the client's own

extension PostgresError {
    static func usage(_ message: String) -> PostgresError {
        PostgresError(code: .usage, message: message)
    }

    static let copyHere = usage(
        "A COPY cannot run here. Use copy() for COPY … TO STDOUT; COPY FROM STDIN is not offered.")

    static let cancelled = PostgresError(
        code: .cancelled, message: "The wait for PostgreSQL was cancelled.")

    static let closedByCaller = PostgresError(
        code: .closed, message: "The connection was closed by close().")

    static let streamLeft = PostgresError(
        code: .closed, message: "A stream was left before its end, which closes its connection. Open a new connection.")

    static func closed(because reason: PostgresError) -> PostgresError {
        guard reason.code != .closed else { return reason }
        var error = reason
        error.code = .closed
        error.message = "The connection is closed; open a new one. It ended because: \(reason.message)"
        return error
    }

    static func lost(_ words: String?) -> PostgresError {
        PostgresError(
            code: .connection,
            message: """
                The connection to PostgreSQL broke while it was in use: the server was stopped, crashed, ended this \
                session, or the network failed. Open a new connection; if it happens again, look at the server's log.
                """,
            underlying: words)
    }

    static func silent(for timeout: Duration) -> PostgresError {
        PostgresError(
            code: .timeout,
            message: """
                PostgreSQL sent nothing for \(timeout), so the connection was given up. Look whether the server and the \
                network are alive. If the statement may take that long, raise `postgres.statementTimeout` of the \
                configuration, which this time follows. Small rows count as silence until there are 8 KiB of them: \
                PostgreSQL sends them together.
                """)
    }

    static func outOfDescriptors(errno: Int32) -> PostgresError {
        PostgresError(
            code: .connection,
            message: "The process cannot open more files (errno \(errno)). Raise its limit (ulimit -n) or close some.")
    }

    static func unreadableURL(because reason: String?) -> PostgresError {
        PostgresError(
            code: .usage,
            message: """
                The PostgreSQL URL cannot be read\(reason.map { " (\($0))" } ?? ""). It looks like \
                postgresql://user@host:5432/database?sslmode=verify-full; special characters in it are written %XX.
                """)
    }
}
