internal import Formatting
package import RedisClient

/// Why nothing is known of the lease, or why it is not competed for. None of these means that a lease was lost.
package struct LeaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The remedy. Whatever it is, the replica goes on asking.
    package enum Remedy: Hashable, Sendable {
        /// It may pass by itself.
        case retry
        /// It may pass with another connection, for instance to the server that the name means by now: the one that
        /// was told so has been closed.
        case reconnect
        /// Somebody must change something; the message says what.
        case repair
    }

    package let remedy: Remedy
    /// What is wrong and what to do about it, for people. Constant for the same cause, so that it can be told once.
    package let message: String
    /// The subject of the error: a key, or the server's own words.
    package let detail: String

    package var description: String { detail.isEmpty ? message : "\(message) (\(detail))" }
}

extension LeaseError {
    /// The error that a refusal of the scripts means; nil if the answer is no refusal.
    package init?(refusal answer: ScriptAnswer) throws(LeaseError) {
        switch answer.word {
        case "WRONG-TYPE":
            let (key, found, wanted) = (try answer.field(0), try answer.field(1), try answer.field(2))
            self.init(
                remedy: .repair,
                message:
                    "A key of the group holds a value of another type. See what wrote it; if nobody needs it, delete "
                    + "it with: redis-cli UNLINK \(ShellText.quoted(key))",
                detail: "\(key) is a \(found), not a \(wanted)")
        case "NOT-A-LEASE":
            let key = try answer.field(0)
            self.init(
                remedy: .repair,
                message:
                    "The lease's key holds something that is no lease. See what wrote it; if nobody needs it, delete "
                    + "it with: redis-cli UNLINK \(ShellText.quoted(key))",
                detail: key)
        case "NO-TTL":
            let (key, holder) = (try answer.field(0), try answer.field(1))
            self.init(
                remedy: .repair,
                message: "The lease never runs out. If its holder does not lead any more, delete it with: "
                    + "redis-cli UNLINK \(ShellText.quoted(key))",
                detail: "\(key), held by \(holder), has no TTL")
        case "OTHER-DEPLOYMENT":
            let (key, deployment, holder) = (try answer.field(0), try answer.field(1), try answer.field(2))
            self.init(
                remedy: .repair,
                message: "The lease belongs to another deployment: another database fills this cache. Give this one "
                    + "another group or keyPrefix, or stop the other one.",
                detail: "\(key) is held by \(holder) for \(deployment)")
        case "NEWER-FORMAT":
            let (key, format) = (try answer.field(0), try answer.field(1))
            self.init(
                remedy: .repair,
                message:
                    "The lease is of a newer format, so a newer version leads: this replica only follows. Update it.",
                detail: "\(key) has format \(format)")
        case "NO-EPOCH-LEFT":
            self.init(
                remedy: .repair,
                message:
                    "The next epoch would be above 2^52: the server's clock or the fence is wrong. Correct the clock, "
                    + "or delete the fence while no replica runs.",
                detail: "epoch \(try answer.field(0))")
        default:
            return nil
        }
    }

    /// The error of the lease that an error of Redis means.
    package init(_ error: RedisError) {
        let remedy: Remedy =
            switch error.code {
            case .unreachable, .closed, .timeout, .cancelled, .pipelineFull: .retry
            case .authentication, .tls, .protocolViolation: .repair
            case .server(let serverError):
                switch serverError.kind {
                case .loading, .outOfMemory, .misconfigured, .busy, .noReplicas, .tryAgain, .noScript: .retry
                case .readOnly, .masterDown, .noAuth: .reconnect
                case .wrongPassword, .noPermission, .cluster, .wrongType, .unknownCommand, .other: .repair
                }
            }
        self.init(remedy: remedy, message: error.message, detail: error.underlying ?? "")
    }

    package static func unexpectedAnswer(_ answer: String) -> LeaseError {
        LeaseError(
            remedy: .repair,
            message:
                "Redis answered what the scripts never answer. Check that it is a Redis, not a proxy that changes answers.",
            detail: answer)
    }
}
