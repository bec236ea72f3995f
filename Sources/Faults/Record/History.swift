/// Everything that was observed in one run, in the order in which it was.
public struct History: Sendable {
    public enum Event: Hashable, Sendable {
        case redis(RedisEvent)
        /// Redis is back, with a fence of this epoch (0 for none): what it does not know any more never happened.
        case redisResumed(epoch: UInt64)
        case log(replica: String, LogLine)
        case started(replica: String)
        case ended(replica: String, how: String)
        case fault(String)
    }

    public struct Entry: Hashable, Sendable {
        /// Since the beginning of the run.
        public var at: Duration
        public var event: Event

        public init(at: Duration, event: Event) {
            self.at = at
            self.event = event
        }
    }

    public var entries: [Entry]

    public init(entries: [Entry] = []) { self.entries = entries }
}
