/// The memory of one dataset's refresh, and the decisions of its passes: rows go in, batches of work for Redis come
/// out.
///
/// It does no I/O and reads no clock. One pass goes like this:
///
/// 1. ``beginPass(_:rowsAreFlagged:)``, then ``take(_:at:)`` for each chunk of rows; after each of them, whatever
///    ``nextBatch(at:)`` offers is sent.
/// 2. ``endRead(at:)``, when the read came to its end. In a leader's first pass the keys that are there follow, through
///    ``examine(key:at:)``.
/// 3. ``settle(at:)``; now ``nextBatch(at:)`` also offers deletions, repetitions and renewals, until it is nil.
/// 4. When each batch was answered (``acknowledge(_:_:at:)``, ``lost(_:)``), ``finishPass()``.
///
/// A pass that fails half-way ends with ``abandonPass()``: what was read so far stays known, and nothing is deleted
/// before all rows were read. A tick that needs no read may still ``settle(at:)``.
public struct DatasetRefresh: ~Copyable, Sendable {
    /// A longer key, or identity, is a mistake in the data.
    public static let maximumKeyBytes = 64 << 10

    enum Phase: Sendable {
        /// Between passes. To `reading` or `settling`.
        case idle
        /// Rows come in. To `read`, or back to `idle` when the pass is abandoned.
        case reading(ReadScope)
        /// All rows that were asked for came in. To `settling`, or back to `idle` when the pass is abandoned.
        case read
        /// Deletions, repetitions and renewals go out. To `settled`, or to `idle` when the pass is abandoned.
        case settling(Settling)
        /// Nothing is left to send, but answers may be outstanding. To `idle`.
        case settled
    }

    /// How the first pass of a term treats what it finds.
    public enum Opening: Hashable, Sendable {
        /// Keys may be there: they are compared, and written where they differ.
        case comparing
        /// The target holds nothing: everything is written.
        case writing
        /// The first pass is done.
        case over
    }

    var phase = Phase.idle
    var ledger: KeyLedger
    var composer: RowComposer
    var looks: LookSchedule
    public internal(set) var brake: Brake
    var marks = MarkKeeper()
    var rowsAreFlagged = false
    /// All rows were read, and no read failed since. After one that did, a row that it did not reach may have taken a key
    /// over from another one: nothing is deleted.
    var knowsAllRows = false

    /// - Parameters:
    ///   - validatesUTF8: the database's encoding gives no guarantee (`SQL_ASCII`), so each row is looked at.
    ///   - parts: the parts of the target, each with batches of its own.
    public init(
        dataset: Dataset, shape: RowShape, opening: Opening, validatesUTF8: Bool = false, parts: TargetParts = .one
    ) {
        ledger = KeyLedger(dataset, shape, parts)
        composer = RowComposer(dataset, shape, validatesUTF8: validatesUTF8)
        looks = LookSchedule(opening: opening)
        brake = Brake(confirmAfter: dataset.confirmAfter)
    }

    // MARK: What is known

    public var dataset: Dataset { ledger.dataset }
    public var shape: RowShape { ledger.shape }
    public var opening: Opening { looks.opening }
    public var summary: PassSummary { ledger.summary }
    /// How many rows are remembered.
    public var rowCount: Int { ledger.table.count }
    /// Rows that cannot be written, the first hundred of them.
    public var setAside: [SetAside] { ledger.setAside.listed }

    /// Whether something read earlier did not reach Redis, or keys are still to be looked at, now or later.
    public var isUnfinished: Bool { hasUnfinishedRows || looks.isWaiting }

    private var hasUnfinishedRows: Bool {
        ledger.table.counts.dirty > 0 || ledger.table.counts.undecided > 0 || opening != .over
    }

    /// Whether the next pass has to read, whatever the gate says. One of all rows always suffices.
    public func needsRead(at now: Duration) -> Bool { hasUnfinishedRows || looks.isDue(at: now) || !knowsAllRows }

    /// Whether a tick that reads nothing has work to do all the same.
    public func hasDueWork(at now: Duration) -> Bool {
        brake.isHolding || ledger.claims.pendingDeletes > 0 || ledger.renewals.isDue(at: now)
            || ledger.repetitions.nextDue.map { $0 <= now } ?? false
    }

    // MARK: Phases of a pass

    /// - Parameters:
    ///   - scope: which rows come. The first pass of a term, and one after ``doubtEverything()``, reads all of them.
    ///   - rowsAreFlagged: each line begins with a column `t` or `f`: whether the row may have changed since the mark
    ///     that the leader before left.
    public mutating func beginPass(_ scope: ReadScope = .allRows, rowsAreFlagged: Bool = false) {
        guard case .idle = phase else { preconditionFailure("a pass begins when the last one has ended") }
        precondition(scope == .allRows || opening == .over, "the first pass reads all rows")
        phase = .reading(scope)
        self.rowsAreFlagged = rowsAreFlagged
        ledger.beginPass(scope)
        looks.begin(rowsAreFlagged: rowsAreFlagged)
    }

    /// All rows that the pass asked for came in: one that was not among them is gone.
    public mutating func endRead(at now: Duration) {
        guard case .reading(let scope) = phase else { preconditionFailure("a read ends after it began") }
        phase = .read
        switch scope {
        case .allRows:
            ledger.table.loseUnseen()
            knowsAllRows = true
            looks.readEnded(at: now)
        case .identities(let identities):
            ledger.lose(identities)
        }
        for claim in ledger.claims.takeDeferred() where ledger.claims.decide(claim, in: &ledger.table) {
            ledger.write(claim, at: now)
        }
        ledger.batches.flush()
    }

    /// Decides what is deleted, and begins to offer it, repetitions and renewals as batches.
    public mutating func settle(at now: Duration) {
        switch phase {
        case .idle: ledger.summary = PassSummary()
        case .read: break
        case .reading, .settling, .settled: preconditionFailure("a pass is settled when its read has ended")
        }
        ledger.batches.flush()
        let deletes = dataset.mode == .invalidate || mayDelete(at: now)
        phase = .settling(
            Settling(deletesRows: deletes && knowsAllRows, deletesKeys: deletes, at: now, &ledger))
    }

    /// Whether keys may be deleted now: never while some row that was not read may make one of them.
    private mutating func mayDelete(at now: Duration) -> Bool {
        guard knowsAllRows, ledger.table.counts.undecided == 0 else { return false }
        let pending = ledger.claims.pendingDeletes
        let deletions = ledger.goneKeyCount + pending
        let isAllowed = brake.allows(deletions, of: ledger.keyCount + pending, at: now)
        if !isAllowed { (ledger.summary.keysHeld, ledger.summary.hold) = (deletions, brake.hold) }
        return isAllowed
    }

    /// An operator looked at what the brake holds, and it is right.
    public mutating func confirmDeletions(at now: Duration) {
        brake.confirm(at: now)
    }

    /// The next batch to send, if there is one now. Batches are sent in the order in which they come out.
    public mutating func nextBatch(at now: Duration) -> WriteBatch? {
        if !ledger.batches.hasReady, case .settling(var settling) = phase {
            phase = .idle  // gives up the second reference to what is changed now
            phase = settling.fillBatch(&ledger, at: now) ? .settling(settling) : .settled
        }
        return ledger.batches.next()
    }

    /// Ends a pass whose work was sent and answered.
    public mutating func finishPass() {
        guard case .settled = phase else { preconditionFailure("a pass is finished after all its work was taken") }
        phase = .idle
        looks.finish(lookingAgainAfter: looksAgain ? dataset.repetitionDelays : [])
        ledger.finishPass()
    }

    /// Ends a pass that failed. Batches that were taken must have been acknowledged or lost before.
    public mutating func abandonPass() {
        ledger.abandonPass()
        looks.abandon()
        switch phase {
        case .idle, .settled: break
        case .reading, .read:
            // Who is gone is not certain: rows were not read, or nobody asked which of them only left the filter.
            knowsAllRows = false
        case .settling(let settling): settling.abandon(&ledger)
        }
        phase = .idle
    }
}
