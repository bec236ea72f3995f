package import LeaderElection
package import RedisClient

/// The state of a fence: which term's batches are accepted, and which one is next.
package struct FenceState: Hashable, Sendable {
    package let epoch: Epoch
    /// The token of a term, or a word that no term has once the term has resigned.
    package let token: String
    /// The sequence of the last accepted batch.
    package let sequence: Int64

    package init(epoch: Epoch, token: String, sequence: Int64) {
        self.epoch = epoch
        self.token = token
        self.sequence = sequence
    }

    /// Three texts of a script's answer; nil if the fence, or a part of it, is missing.
    package init?(_ fields: ArraySlice<String>) {
        let fields = Array(fields)
        guard fields.count == 3, let epoch = Epoch(fields[0]), let sequence = Int64(fields[2]), !fields[1].isEmpty
        else {
            return nil
        }
        self.init(epoch: epoch, token: fields[1], sequence: sequence)
    }
}

/// Sets a target's fence past everything that a term ever sent to it: at its start, and after any doubt.
///
/// Runs over the connection that carries the batches, behind them.
package enum FenceSync {
    /// The answer to a sync.
    package enum Answer: Hashable, Sendable {
        /// The fence is ours and continues from the given sequence. It was this before; nil: it was missing or
        /// unreadable.
        case synced(was: FenceState?)
        /// The term is over: the lease is gone or another's, or the target has seen this higher epoch.
        case notOurs(highest: Epoch?)
        /// A later one of the same term came before; it was given up on, and this one changed nothing.
        case late
    }

    /// The call at the Redis that holds the lease: it is done only while that is exactly ours.
    ///
    /// - Parameters:
    ///   - next: higher than any sequence of the term so far, at least 1.
    ///   - deployment: as given to the lease store.
    package static func atLease(_ keys: GroupKeys, _ lease: Lease, next: Int64, deployment: String) -> ScriptCall {
        ScriptCall(
            script: ElectionScript.sync, keys: [keys.lease, keys.fence],
            arguments: [lease.text, "\(lease.epoch)", "\(lease.token)", "\(next)", deployment])
    }

    /// The call at a target that does not hold the lease, after a renewal that was asked for since the term began: it
    /// is done only if the target has seen no higher epoch.
    ///
    /// - Parameter next: higher than any sequence of the term so far, at least 1.
    package static func atTarget(_ keys: GroupKeys, _ lease: Lease, next: Int64) -> ScriptCall {
        ScriptCall(
            script: ElectionScript.raise, keys: [keys.fence],
            arguments: ["\(lease.epoch)", "\(lease.token)", "\(next)"])
    }

    /// - Throws: ``LeaseError`` for a refusal, such as a fence of the wrong type, and for what is no answer.
    package static func answer(_ value: RedisValue) throws(LeaseError) -> Answer {
        let answer = try ScriptAnswer(value)
        switch answer.word {
        case "SYNCED": return .synced(was: FenceState(answer.fields[...]))
        case "LATE": return .late
        case "GONE": return .notOurs(highest: nil)
        case "TAKEN": return .notOurs(highest: Epoch(try answer.field(2)))
        case "FENCED": return .notOurs(highest: Epoch(try answer.field(0)))
        default: throw try LeaseError(refusal: answer) ?? .unexpectedAnswer(answer.word)
        }
    }
}
