internal import Glibc
internal import NIOCore

/// Why a command has no result.
public struct RedisError: Error, Sendable {
    /// The kind of error.
    public enum Code: Hashable, Sendable {
        /// No connection could be made: refused, no such host, no answer.
        case unreachable
        /// The connection was closed, by either side.
        case closed
        /// The deadline passed.
        case timeout
        /// The waiting task was cancelled.
        case cancelled
        /// The server refused to let us in: wrong or missing user name or password.
        case authentication
        /// The connection could not be encrypted or the other side not be verified.
        case tls
        /// What came is not the Redis protocol, or a command cannot be put into it (empty, or over 512 MiB).
        case protocolViolation
        /// The pipeline is full: as many commands as ``RedisConfiguration/pipelineDepth`` allows are without a reply.
        case pipelineFull
        /// The server answered with this error.
        case server(RedisServerError)
    }

    /// Whether the server may have carried the command out.
    public enum Delivery: Hashable, Sendable {
        /// Certainly not: no byte of it left. Sending it again is safe.
        case notSent
        /// Nobody can tell: it was on its way when the connection ended. Ask the server before sending it again.
        case unknown
        /// The server answered with an error. A command was not carried out; a script may have been in part.
        case rejected
    }

    /// The kind of error.
    public let code: Code
    /// Whether the server may have carried the command out.
    public let delivery: Delivery
    /// What happened and what to do next, for people. Never holds a password.
    public let message: String
    /// The text of the cause below, if there is one.
    public let underlying: String?

    /// An error with these parts.
    public init(code: Code, delivery: Delivery, message: String, underlying: String? = nil) {
        self.code = code
        self.delivery = delivery
        self.message = message
        self.underlying = underlying
    }

    /// The server's error, if that is what it is.
    public var serverError: RedisServerError? {
        switch self.code {
        case .server(let error): error
        case .unreachable, .closed, .timeout, .cancelled, .authentication, .tls, .protocolViolation, .pipelineFull: nil
        }
    }
}

extension RedisError: CustomStringConvertible {
    /// Message, cause, and that a command may have been carried out all the same, on one line.
    public var description: String {
        let fate =
            switch self.delivery {
            case .notSent, .rejected: ""
            case .unknown: " What was sent may have been carried out."
            }
        return "\(self.message)\(self.underlying.map { " (\($0))" } ?? "")\(fate)"
    }
}

extension RedisError {
    func with(delivery: Delivery) -> RedisError {
        RedisError(code: self.code, delivery: delivery, message: self.message, underlying: self.underlying)
    }

    /// A command that the server answered with an error.
    static func rejected(_ error: RedisServerError) -> RedisError {
        RedisError(
            code: .server(error), delivery: .rejected, message: error.kind.advice, underlying: error.description)
    }

    static let pipelineFull = RedisError(
        code: .pipelineFull, delivery: .notSent,
        message: "Too many commands wait for a reply on this connection: wait for some before submitting more.")

    static let closedByUs = RedisError(
        code: .closed, delivery: .notSent, message: "The connection was closed by this program: open a new one.")

    static let closedByPeer = RedisError(
        code: .closed, delivery: .notSent,
        message: "The server closed the connection: open a new one; see the server's log for why.")

    static let timedOut = RedisError(
        code: .timeout, delivery: .notSent,
        message: "The server did not answer in time, so the connection was closed: see whether it hangs, is "
            + "overloaded or cannot be reached any more.")

    static let expiredUnsent = RedisError(
        code: .timeout, delivery: .notSent,
        message: "The command waited for a place in the pipeline until its time was over: send fewer at a time.")

    static let cancelledWhileWaiting = RedisError(
        code: .cancelled, delivery: .unknown,
        message: "The wait for a reply was cancelled.")

    static let notEncodable = RedisError(
        code: .protocolViolation, delivery: .notSent,
        message: "The command has no arguments or more than 512 MiB: split it.")

    static let speaksTLS = RedisError(
        code: .tls, delivery: .notSent,
        message: "This port speaks TLS, and the URL says that it does not: write rediss:// for redis://.")

    static func protocolViolation(_ detail: String) -> RedisError {
        RedisError(
            code: .protocolViolation, delivery: .notSent,
            message: "What the server sent is not the Redis protocol: check host and port, and whether the port "
                + "speaks TLS (rediss://).",
            underlying: detail)
    }
}

extension RedisError {
    /// The system's own words for a cause: the network library's names and numbers help nobody.
    static func cause(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as SocketAddressError.UnknownHost: error.errorDescription
        default: "\(error)"
        }
    }
}

extension RedisServerError.Kind {
    /// What the kind means and what to do about it, for people.
    public var advice: String {
        switch self {
        case .loading: "Redis is still loading its data: try again shortly."
        case .readOnly: "This Redis is a read-only replica: connect to the one that accepts writes."
        case .masterDown: "This Redis replica lost its upstream: connect to another one, or wait."
        case .noReplicas: "Redis has too few replicas to accept writes (min-replicas-to-write): see its replication."
        case .outOfMemory: "Redis has reached its maxmemory: raise it, free keys, or allow eviction."
        case .misconfigured: "Redis cannot save to disk and refuses writes: see its log and disk."
        case .busy: "Redis is busy with a script that runs too long: wait, or SCRIPT KILL it."
        case .noAuth: "Redis wants a password: set one in the URL or configuration."
        case .wrongPassword: "Redis refused the user name or password: correct them, or enable the user."
        case .noPermission: "The Redis user may not do this: extend its ACL."
        case .cluster: "This Redis is part of a cluster, which is not supported: use one without cluster mode."
        case .tryAgain: "Redis is moving the keys: try again shortly."
        case .noScript:
            "Redis has forgotten the script, as after SCRIPT FLUSH or a restart: it is sent again by itself at the next try."
        case .wrongType: "The key holds a value of another type: use another key, or delete it."
        case .unknownCommand:
            "Redis does not know a command, which is renamed or taken away: take it out of `rename-command` in its "
                + "configuration, or go round whatever else keeps it back."
        case .other: "Redis answered with an error."
        }
    }
}
