/// Holds back deletions when a pass would delete suspiciously much: an emptied table, a wrong filter, the wrong database.
public struct Brake: Hashable, Sendable {
    /// So many deletions never look suspicious.
    static let harmlessCount = 10

    private let confirmAfter: Duration
    private var heldSince: Duration?

    /// - Parameter confirmAfter: how long the same result must stand before it is believed.
    public init(confirmAfter: Duration) {
        self.confirmAfter = confirmAfter
    }

    /// Whether deletions are being held.
    public var isHolding: Bool { heldSince != nil }

    /// Whether deletions may go ahead.
    ///
    /// - Parameters:
    ///   - deletions: keys that would go.
    ///   - total: keys that are there, those included.
    ///   - now: time on any steady clock, always the same one.
    mutating func allows(_ deletions: Int, of total: Int, at now: Duration) -> Bool {
        guard deletions > Self.harmlessCount, deletions * 2 > total else {
            heldSince = nil
            return true
        }
        let since = heldSince ?? now
        guard now - since >= confirmAfter else {
            heldSince = since
            return false
        }
        heldSince = nil
        return true
    }

    /// An operator looked at it and says that it is right: what is held goes at the next pass.
    mutating func confirm(at now: Duration) {
        if heldSince != nil { heldSince = now - confirmAfter }
    }
}
