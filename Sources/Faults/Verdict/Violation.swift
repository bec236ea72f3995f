/// A promise that was broken.
public struct Violation: Hashable, Sendable {
    /// A rule that must never be broken.
    public enum Rule: String, Sendable, CaseIterable {
        /// A write of a term was accepted after another with a higher epoch was elected.
        case staleWrite = "stale write accepted"
        /// A write was accepted after its own term had given the lease up.
        case writeAfterResigning = "write accepted after resigning"
        /// A write was accepted of a term that nobody was elected for.
        case writeOfNoTerm = "write of no term accepted"
        /// A cached key was changed by something that is not an accepted batch.
        case unfencedWrite = "write outside any term"
        /// A term has an epoch that is not above all before it.
        case epochNotHigher = "epoch not higher"
    }

    /// The promise.
    public var rule: Rule
    /// The time since the beginning of the run.
    public var at: Duration
    /// The violation as it was seen.
    public var detail: String
}

extension Violation: CustomStringConvertible {
    public var description: String { "\(at.inSeconds) \(rule.rawValue): \(detail)" }
}
