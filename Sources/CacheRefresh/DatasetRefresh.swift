/// The memory of one dataset's refresh, and the decisions of its passes: rows go in, batches of work for Redis come
/// out.
///
/// It does no I/O and reads no clock. One pass goes like this:
///
/// 1. ``beginPass(rowsAreFlagged:)``, then ``take(_:at:)`` for each chunk of rows; after each of them, whatever
///    ``nextBatch(at:)`` offers is sent.
/// 2. ``endRead(at:)``, when the read came to its end. In a leader's first pass the keys that are there follow, through
///    ``examine(key:at:)``.
/// 3. ``settle(at:)``; now ``nextBatch(at:)`` also offers deletions, repetitions and renewals, until it is nil.
/// 4. When each batch was answered (``acknowledge(_:_:at:)``, ``lost(_:)``), ``finishPass()``.
///
/// A pass that fails half-way ends with ``abandonPass()``: what was read so far stays known, and nothing is deleted.
/// A tick that needs no read may still ``settle(at:)``.
public struct DatasetRefresh: ~Copyable, Sendable {
    /// A longer key, or identity, is a mistake in the data.
    public static let maximumKeyBytes = 64 << 10
    /// How many rows that were set aside are listed; all are counted.
    static let maximumListed = 100
    /// Claims on keys of rows that were not read yet are kept up to this size; the others wait for the next pass.
    static let maximumDeferredBytes = 16 << 20

    enum Phase: Sendable {
        /// Between passes. To `reading` or `settling`.
        case idle
        /// Rows come in. To `read`, or back to `idle` when the pass is abandoned.
        case reading
        /// All rows came in. To `settling`, or back to `idle` when the pass is abandoned.
        case read
        /// Deletions, repetitions and renewals go out. To `settled`, or to `idle` when the pass is abandoned.
        case settling(Settling)
        /// Nothing is left to send; answers may be outstanding. To `idle`.
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

    public let dataset: Dataset
    public let shape: RowShape
    let encoder: RowEncoder
    let validatesUTF8: Bool
    let ttlMilliseconds: Int64

    var phase = Phase.idle
    public internal(set) var opening: Opening
    var table = DigestTable()
    var passNumber: UInt16 = 0
    var rowsAreFlagged = false
    /// Each read of the term's first pass had its rows flagged: what is not flagged is right.
    var beganWithMark = true
    /// When the keys that are there are to be looked at again.
    var looks: [Duration] = []
    /// The last read was one for that.
    var isLookingAgain = false

    var filling = WriteBatch()
    var ready: [WriteBatch] = []
    var readyHead = 0

    /// Keys to delete that no row owns any longer.
    var doomed: Set<[UInt8]> = []
    /// Claims on keys whose owners were not read yet in this pass.
    var deferred: [DeferredClaim] = []
    var deferredBytes = 0
    var repetitions: RepetitionQueue
    public internal(set) var brake: Brake
    var marks = MarkKeeper()

    /// The last read came to its end, so that a row which it did not see is gone.
    var lastReadIsComplete = false
    var readEndedAt = Duration.zero
    var nextRenewal = UInt32.max
    var dirtyRows = 0
    var contestedRows = 0
    /// Redis refused a value of so many bytes: as large ones are not sent any more.
    var refusedBytes = Int.max
    var rowsSetAside = 0
    var namelessRows = 0
    /// The first rows that were set aside, by row.
    var setAsideRows: [UInt32: SetAside] = [:]
    /// The first rows of the last read that have no identity.
    var listedNameless: [SetAside] = []
    public internal(set) var summary = PassSummary()

    // Kept from row to row, so that a pass allocates them once.
    var fields: [Range<Int>] = []
    var keyText: [UInt8] = []
    var object: [UInt8] = []

    /// - Parameter validatesUTF8: the database's encoding gives no guarantee (`SQL_ASCII`), so each row is looked at.
    public init(dataset: Dataset, shape: RowShape, opening: Opening, validatesUTF8: Bool = false) {
        self.dataset = dataset
        self.shape = shape
        self.encoder = shape.encoder
        self.opening = opening
        self.validatesUTF8 = validatesUTF8
        self.ttlMilliseconds = max(1, dataset.ttl.milliseconds)
        self.repetitions = RepetitionQueue(delays: dataset.repetitionDelays)
        self.brake = Brake(confirmAfter: dataset.confirmAfter)
    }

    /// Rows that are remembered.
    public var rowCount: Int { table.count }
    /// Something read earlier did not reach Redis, or keys are still to be looked at, now or later.
    public var isUnfinished: Bool { needsRead || !looks.isEmpty }
    private var needsRead: Bool { dirtyRows > 0 || opening != .over }

    /// Whether the next pass has to read, whatever the gate says.
    public func needsRead(at now: Duration) -> Bool { needsRead || looks.first.map { $0 <= now } ?? false }
    /// Rows that cannot be written, the first hundred of them.
    public var setAside: [SetAside] {
        Array((setAsideRows.values.sorted { $0.identity < $1.identity } + listedNameless).prefix(Self.maximumListed))
    }

    // MARK: Phases of a pass

    /// - Parameter rowsAreFlagged: each line begins with a column `t` or `f`: whether the row may have changed since
    ///   the mark that the leader before left.
    public mutating func beginPass(rowsAreFlagged: Bool = false) {
        guard case .idle = phase else { preconditionFailure("a pass begins when the last one has ended") }
        phase = .reading
        passNumber &+= 1
        self.rowsAreFlagged = rowsAreFlagged
        if opening != .over && !rowsAreFlagged { beganWithMark = false }
        isLookingAgain = false
        lastReadIsComplete = false
        summary = PassSummary()
        namelessRows = 0
        listedNameless = []
    }

    /// All rows came in: a row that was not among them is gone.
    public mutating func endRead(at now: Duration) {
        guard case .reading = phase else { preconditionFailure("a read ends after it began") }
        phase = .read
        lastReadIsComplete = true
        readEndedAt = now
        isLookingAgain = looks.first.map { $0 <= now } ?? false
        decideDeferredClaims(at: now)
        flush()
    }

    /// Ends a pass whose work was sent and answered.
    public mutating func finishPass() {
        guard case .settled = phase else { preconditionFailure("a pass is finished after all its work was taken") }
        phase = .idle
        if lastReadIsComplete && opening != .over {
            opening = .over
            if dataset.mode != .upsert { looks = dataset.repetitionDelays.map { readEndedAt + $0 } }
        } else if isLookingAgain {
            looks.removeAll { $0 <= readEndedAt }
            isLookingAgain = false
        }
        summary.rowsSetAside = rowsSetAside + namelessRows
        summary.rowsContested += contestedRows
        table.compact()
    }

    /// Ends a pass that failed. Batches that were taken must have been acknowledged or lost before.
    public mutating func abandonPass() {
        let failed = summary.keysFailed
        for batch in ready[readyHead...] { lost(batch) }
        lost(filling)
        summary.keysFailed = failed  // these were never sent
        ready = []
        readyHead = 0
        filling = WriteBatch()
        for claim in deferred where table.isRow(claim.row) { markDirty(claim.row) }
        deferred = []
        deferredBytes = 0
        switch phase {
        case .idle, .settled: break
        case .reading, .read:
            // Who is gone is not certain: rows were not read, or nobody asked which of them only left the filter.
            lastReadIsComplete = false
            isLookingAgain = false
        case .settling(let settling):
            doomed.formUnion(settling.doomed)
            if settling.renewals != nil { nextRenewal = 0 }
        }
        phase = .idle
    }
}
