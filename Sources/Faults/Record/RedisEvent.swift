/// An event in Redis, as far as it concerns the promises, in the order in which it was done.
public enum RedisEvent: Hashable, Sendable {
    /// A script gave the lease to somebody.
    case elected(Election)
    /// A script prolonged the lease.
    case renewed
    /// A script deleted the lease and sealed the fence: its holder gave it up.
    case resigned
    /// An entry of the group's own history, such as `resigned`, with the reason.
    case noted(event: String, epoch: UInt64, reason: String)
    /// A batch was asked for.
    case write(Write)
    /// A cached key was changed by something that is not an accepted batch.
    case unfenced(command: String, key: String, client: String)
    /// Somebody who is not a script changed the lease or another key of Baton's own, or emptied the database.
    case byHand(command: String, key: String)

    /// The new lease.
    public struct Election: Hashable, Sendable {
        /// The term's epoch.
        public var epoch: UInt64
        /// The term's token.
        public var token: String
        /// The replica's name.
        public var holder: String

        /// A lease of these.
        public init(epoch: UInt64, token: String, holder: String) {
            self.epoch = epoch
            self.token = token
            self.holder = holder
        }
    }

    /// One call of the script that writes.
    public struct Write: Hashable, Sendable {
        /// What became of it.
        public enum Outcome: Hashable, Sendable {
            /// The fence let it pass.
            case accepted
            /// The script ran, and the fence did not let it pass.
            case refused
            /// Redis did not know the script, or did not run it.
            case notRun
        }

        /// The epoch of the term that sent it.
        public var epoch: UInt64
        /// The token of the term that sent it.
        public var token: String
        /// The number that it asked to be the fence's next.
        public var sequence: Int64
        /// What became of it.
        public var outcome: Outcome

        /// A call of these.
        public init(epoch: UInt64, token: String, sequence: Int64, outcome: Outcome) {
            self.epoch = epoch
            self.token = token
            self.sequence = sequence
            self.outcome = outcome
        }
    }
}
