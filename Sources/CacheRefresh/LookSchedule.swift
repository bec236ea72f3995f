/// Decides when the keys that are there are looked at, besides those of the rows: in a term's first pass, and where
/// applications fill the cache themselves again after each delay of a repetition.
///
/// The leader before may have gone before it repeated what it unlinked, and a reader that started earlier may bring an
/// old value back after the first look.
struct LookSchedule: Sendable {
    private(set) var opening: DatasetRefresh.Opening
    /// Each read of the term's first pass had its rows flagged: what is not flagged is right.
    private(set) var beganWithMark = true
    /// When the keys are to be looked at again.
    private var again: [Duration] = []
    /// When this pass had read all rows; nil if it has not.
    private var readEndedAt: Duration?

    init(opening: DatasetRefresh.Opening) {
        self.opening = opening
    }

    /// Keys are still to be looked at again, now or later.
    var isWaiting: Bool { !again.isEmpty }

    /// Whether the keys are to be looked at again now.
    func isDue(at now: Duration) -> Bool { again.first.map { $0 <= now } ?? false }

    /// The keys are to be looked at in this pass.
    var isLooking: Bool { readEndedAt.map { opening == .comparing || isDue(at: $0) } ?? false }

    /// A pass begins.
    mutating func begin(rowsAreFlagged: Bool) {
        readEndedAt = nil
        if opening != .over && !rowsAreFlagged { beganWithMark = false }
    }

    /// The pass has read all rows.
    mutating func readEnded(at now: Duration) { readEndedAt = now }

    /// The pass came to its end.
    ///
    /// - Parameter delays: after each of which the keys are looked at again, once the first pass is done.
    mutating func finish(lookingAgainAfter delays: [Duration]) {
        guard let readEndedAt else { return }
        if opening == .over {
            again.removeAll { $0 <= readEndedAt }
        } else {
            opening = .over
            again = delays.map { readEndedAt + $0 }
        }
        self.readEndedAt = nil
    }

    /// The pass failed: what it was to look at is looked at by the next.
    mutating func abandon() { readEndedAt = nil }

    /// The next pass is like the first of a term.
    mutating func startAgain() { opening = .comparing }

    /// The next pass is like the first of a term that found no mark.
    mutating func startAgainWithoutMark() {
        opening = .comparing
        beganWithMark = false
    }
}
