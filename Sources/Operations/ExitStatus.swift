internal import BatonConfiguration
internal import DatasetReading
internal import PostgresClient
internal import RedisClient

/// The status with which a command of `baton` ends: one table for all of them, with the numbers of `sysexits.h` and,
/// for signals, of shells.
package enum ExitStatus: Int32, CaseIterable, Sendable {
    case done = 0
    case no = 1
    case usage = 64
    case unavailable = 69
    case internalError = 70
    case outputFailed = 74
    case timedOut = 75
    case refused = 77
    case configuration = 78
    case interrupted = 130

    /// The meaning, as the documentation says it.
    package var meaning: String {
        switch self {
        case .done: "Done; for `check`: no problem was found, though there may be warnings."
        case .no:
            "The answer is no: `check` found problems, `demo --once` found values that differ, nobody leads, a request is "
                + "refused, no such key is there."
        case .usage: "The command line is wrong."
        case .unavailable: "A server can't be reached, does not answer, or can't work now; or a port is in use."
        case .internalError: "Something that should not happen; worth a report."
        case .outputFailed: "The answer could not be written, as to a full disk. Whatever was asked for is done."
        case .timedOut: "What was requested has not come about in the time given; the request stands."
        case .refused: "A server refuses the user, the password or what was asked for; or a port is not allowed."
        case .configuration: "The configuration is wrong, or does not fit the servers or this machine."
        case .interrupted: "SIGINT or SIGTERM ended it half-way. What was done before is said, and stays done."
        }
    }
}

extension ExitStatus {
    /// The status for an error that ends a command.
    package init(_ error: any Error) {
        switch error {
        case let error as InspectionError: self = error.status
        case is ConfigurationErrors, is DatasetError: self = .configuration
        case let error as RedisError: self.init(redis: error)
        case let error as PostgresError: self.init(postgres: error)
        default: self = .internalError
        }
    }

    private init(redis error: RedisError) {
        switch error.code {
        case .unreachable, .closed, .timeout, .cancelled, .pipelineFull: self = .unavailable
        case .authentication, .tls: self = .refused
        case .protocolViolation: self = .configuration
        case .server(let serverError):
            switch serverError.kind {
            case .loading, .masterDown, .noReplicas, .outOfMemory, .misconfigured, .busy, .tryAgain: self = .unavailable
            case .noAuth, .wrongPassword, .noPermission: self = .refused
            case .readOnly, .cluster, .wrongType, .unknownCommand: self = .configuration
            case .noScript: self = .internalError
            case .other where error.delivery != .notSent: self = .internalError
            // It was refused to log in.
            case .other:
                self =
                    serverError.message.contains("max number of clients")
                    ? .unavailable : serverError.prefix == "DENIED" ? .refused : .configuration
            }
        }
    }

    private init(postgres error: PostgresError) {
        switch error.code {
        case .connection, .cancelled, .timeout, .closed: self = .unavailable
        case .authentication: self = .refused
        case .usage: self = .configuration
        case .server(let sqlState):
            // https://www.postgresql.org/docs/current/errcodes-appendix.html
            switch sqlState.prefix(2) {
            case "53", "57", "58": self = .unavailable  // resources, operator's intervention, the system
            case _ where sqlState == "55000": self = .unavailable  // a database that accepts no connections now
            case _ where sqlState == "42501": self = .refused
            case "28": self = .refused
            default: self = .configuration
            }
        }
    }
}

/// Why a command that looks at the servers, or leaves a request there, has no result.
package struct InspectionError: Error, Hashable, Sendable, CustomStringConvertible {
    package let status: ExitStatus
    /// The message for people: what is wrong and what to do about it.
    package let message: String

    package var description: String { message }

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
