/// The answer of the `write` script for one batch: only what differs from "done".
public struct BatchOutcome: Hashable, Sendable {
    /// An operation that Redis refused.
    public struct Failure: Hashable, Sendable {
        /// Its place in the batch.
        public let operation: Int
        /// Redis' own words.
        public let message: String

        public init(operation: Int, message: String) {
            self.operation = operation
            self.message = message
        }
    }

    /// An operation that found the right value in place.
    public struct Kept: Hashable, Sendable {
        /// Its place in the batch.
        public let operation: Int
        /// The TTL that the key has left.
        public let ttlMilliseconds: Int64

        public init(operation: Int, ttlMilliseconds: Int64) {
            self.operation = operation
            self.ttlMilliseconds = ttlMilliseconds
        }
    }

    public var failures: [Failure]
    public var kept: [Kept]
    /// Places of `touch` operations whose key was gone.
    public var missing: [Int]

    public init(failures: [Failure] = [], kept: [Kept] = [], missing: [Int] = []) {
        self.failures = failures
        self.kept = kept
        self.missing = missing
    }
}
