public import Drills

/// Everything that was observed in one run, in the order in which it was.
public struct History: Sendable {
    /// Something that was observed.
    public enum Event: Hashable, Sendable {
        case redis(RedisEvent)
        /// Redis is back after a crash, with a fence of this epoch (0 for none): what it does not know any more never
        /// happened.
        case redisResumed(epoch: UInt64)
        /// A replica logged a line.
        case log(replica: String, LogLine)
        /// A replica's process was started.
        case started(replica: String)
        /// A replica's process has ended.
        case ended(replica: String, how: String)
        /// We began to break something.
        case fault(String)
    }

    /// One observation.
    public struct Entry: Hashable, Sendable {
        /// The time since the beginning of the run.
        public var at: Duration
        /// What it was.
        public var event: Event

        /// An observation at this time.
        public init(at: Duration, event: Event) {
            self.at = at
            self.event = event
        }
    }

    /// What Redis did is in the order of execution; the rest stands where we noticed it.
    public var entries: [Entry]

    /// A history of these.
    public init(entries: [Entry] = []) { self.entries = entries }
}
