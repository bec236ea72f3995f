/// Holds back deletions when a pass would delete suspiciously much: an emptied table, a wrong filter, the wrong
/// database.
public struct Brake: Hashable, Sendable {
    /// The number of deletions up to which they never look suspicious.
    static let harmlessCount = 10

    private enum State: Hashable, Sendable {
        /// Nothing suspicious was seen. To `holding`.
        case armed
        /// This many deletions have waited since then. To `released` when they stood long enough, to `armed` when they
        /// are gone.
        case holding(since: Duration, deletions: Int)
        /// This many deletions were let go; what is left of them, such as those of a lost batch, goes too. To `armed`
        /// when nothing suspicious is left, to `holding` if there is more.
        case released(deletions: Int)
    }

    private let confirmAfter: Duration
    private var state = State.armed

    /// - Parameter confirmAfter: how long the same result must stand before it is believed.
    public init(confirmAfter: Duration) {
        self.confirmAfter = confirmAfter
    }

    /// Whether deletions are being held.
    public var isHolding: Bool {
        switch state {
        case .holding: true
        case .armed, .released: false
        }
    }

    /// Deletions that are held: since when, and until when unless an operator confirms them before.
    public struct Hold: Hashable, Sendable {
        public let since: Duration
        public let until: Duration
    }

    /// What is being held, on the clock that ``allows(_:of:at:)`` was given; nil if nothing is.
    public var hold: Hold? {
        switch state {
        case .holding(let since, _): Hold(since: since, until: since + confirmAfter)
        case .armed, .released: nil
        }
    }

    /// Whether deletions may go ahead.
    ///
    /// - Parameters:
    ///   - deletions: keys that would go.
    ///   - total: keys that are there, those included.
    ///   - now: time on any steady clock, always the same one.
    mutating func allows(_ deletions: Int, of total: Int, at now: Duration) -> Bool {
        guard Self.isSuspicious(deletions, of: total) else {
            state = .armed
            return true
        }
        switch state {
        case .released(let released) where deletions <= released:
            return true
        case .holding(let since, let held) where !Self.isSuspicious(deletions - held, of: total - held):
            guard now - since >= confirmAfter else { return false }
            state = .released(deletions: deletions)
            return true
        case .armed, .released, .holding:
            // This also holds where much more would go than what is held: that is another result.
            guard confirmAfter > .zero else { return true }
            state = .holding(since: now, deletions: deletions)
            return false
        }
    }

    /// An operator looked at it and says that it is right: what is held goes at the next pass.
    mutating func confirm(at now: Duration) {
        if case .holding(_, let deletions) = state {
            state = .holding(since: now - confirmAfter, deletions: deletions)
        }
    }

    private static func isSuspicious(_ deletions: Int, of total: Int) -> Bool {
        deletions > harmlessCount && deletions * 2 > total
    }
}
