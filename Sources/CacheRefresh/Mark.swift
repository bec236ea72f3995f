/// How far a dataset was read: what the next leader needs to know to invalidate what changed while nobody led, and
/// nothing else.
public struct Mark: Hashable, Sendable {
    /// The format of the text that is kept in Redis.
    public static let format = 2

    /// The oldest transaction that was still running at the last complete read (`pg_snapshot_xmin`): whatever came
    /// later has this id or a higher one.
    public let horizon: UInt64
    /// The history of the server that was read, with a position not before what was seen. Ids of another history say
    /// nothing.
    public let history: ServerHistory
    /// The fingerprint of the dataset as it was defined; see ``Dataset/fingerprint(with:)``.
    public let fingerprint: String
    /// The object ids of the table that was read and of its partitions: all rows of another one are new, however old
    /// they are. Empty where that is not known, or nobody asks.
    public let tables: Set<UInt32>

    public init(horizon: UInt64, history: ServerHistory, fingerprint: String, tables: Set<UInt32> = []) {
        self.horizon = horizon
        self.history = history
        self.fingerprint = fingerprint
        self.tables = tables
    }

    /// Reads the text of ``description``. Nil for any other text; words that a later version adds are ignored.
    public init?(_ text: String) {
        let words = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Substring.init)
        guard words.count >= 3, words[0] == "\(Self.format)", let horizon = UInt64(words[1]),
            let history = ServerHistory(words: words.dropFirst(3))
        else { return nil }
        let tables = words.dropFirst(3 + ServerHistory.wordCount).first?.utf8.split(separator: UInt8(ascii: ","))
        self.init(
            horizon: horizon, history: history, fingerprint: String(words[2]),
            tables: Set((tables ?? []).compactMap { UInt32(Substring($0)) }))
    }

    /// Whether a mark tells which rows changed since.
    public enum Verdict: Hashable, Sendable {
        case fits
        /// Rows were chosen, keyed or kept otherwise, or the table is another one.
        case otherDefinition
        /// The server is another one, was restarted or promoted, or went back: what got which id is not known.
        case otherHistory
        /// Ids of rows have 32 bits: beyond half their range, older and newer can't be told apart.
        case tooOld
    }

    /// Whether the mark tells which rows have changed until a snapshot, for a dataset that is defined like this now.
    public func verdict(at snapshot: Snapshot, fingerprint: String) -> Verdict {
        guard self.fingerprint == fingerprint else { return .otherDefinition }
        guard snapshot.history.isOfSameServer(as: history), snapshot.history.position >= history.position,
            snapshot.horizon >= horizon
        else { return .otherHistory }
        return snapshot.horizon - horizon < 1 << 30 ? .fits : .tooOld
    }

    /// The same mark as if the server had gone on since; nil if its ids went back. Whether rows that changed since can be
    /// told by it is the caller's matter: a server that was restored or promoted may use ids again.
    public func carried(to snapshot: Snapshot) -> Mark? {
        guard snapshot.horizon >= horizon else { return nil }
        return Mark(horizon: horizon, history: snapshot.history, fingerprint: fingerprint, tables: tables)
    }

    /// Whether a crash can't take back any more what the mark stands for; as a later snapshot shows.
    func outlivesCrash(at snapshot: Snapshot) -> Bool {
        snapshot.history.isOfSameServer(as: history) && snapshot.durable >= history.position
            && snapshot.horizon >= horizon
    }
}

extension Mark: CustomStringConvertible {
    public var description: String {
        let tables = tables.isEmpty ? "" : " " + tables.sorted().map(String.init).joined(separator: ",")
        return "\(Self.format) \(horizon) \(fingerprint) \(history)\(tables)"
    }
}

/// Decides when a mark may be written: never before every invalidation that it stands for, the repetition included, nor
/// before a crash can't take back any more what was read; and rarely while nothing changes.
struct MarkKeeper: Sendable {
    /// How far this leader itself need not look back: the newest mark that all is done for, written or not; at first
    /// where its first pass began.
    private(set) var reached: Mark?
    /// A mark that is only out of date is moved on this often.
    static let period = Duration.seconds(60)

    /// The mark that will be written once the repetitions up to a number are done.
    private var waiting: (mark: Mark, repetition: UInt64)?
    /// The newest mark, which follows it.
    private var newest: (mark: Mark, repetition: UInt64)?
    private var written: (mark: Mark, at: Duration, repetition: UInt64)?

    /// A pass was read to its end, and what it found was acknowledged.
    ///
    /// - Parameters:
    ///   - since: the mark from which it went on; nil if it read what fits and nothing else.
    ///   - repetition: the number of the last repetition that was queued so far.
    mutating func passed(_ mark: Mark, since: Mark? = nil, repetition: UInt64) {
        // The first serves this leader at once, whatever is still to be done for it: with none, what changes outside a
        // filter now would never be read.
        if reached == nil { reached = since ?? mark }
        if let waiting, waiting.mark.isComparable(to: mark) {
            newest = (mark, repetition)
        } else {
            waiting = (mark, repetition)
            newest = nil
        }
    }

    /// The mark to write now, if any. Call it only when nothing unacknowledged is left.
    ///
    /// - Parameters:
    ///   - done: the number of the last repetition that was acknowledged.
    ///   - snapshot: the newest one of the server.
    mutating func due(done: UInt64, snapshot: Snapshot, at now: Duration) -> Mark? {
        if let (mark, repetition) = newest, repetition <= done, mark.outlivesCrash(at: snapshot) {
            waiting = (mark, repetition)
            newest = nil
        }
        guard let (mark, repetition) = waiting, repetition <= done else { return nil }
        guard mark.outlivesCrash(at: snapshot) else { return nil }
        reached = mark
        let isUrgent =
            written.map {
                $0.repetition < repetition || now - $0.at >= Self.period || !$0.mark.isComparable(to: mark)
            } ?? true
        waiting = newest
        newest = nil
        guard isUrgent else {
            if waiting == nil { waiting = (mark, repetition) }
            return nil
        }
        written = (mark, now, repetition)
        return mark
    }

    /// Goes on from how far the same rows were read while the dataset was defined otherwise. What was to be repeated then
    /// is not waited for.
    mutating func goOn(from other: MarkKeeper, fingerprint: String) {
        func renamed(_ mark: Mark) -> Mark {
            Mark(horizon: mark.horizon, history: mark.history, fingerprint: fingerprint, tables: mark.tables)
        }
        reached = other.reached.map(renamed)
        waiting = other.waiting.map { (mark: renamed($0.mark), repetition: UInt64(0)) }
        newest = other.newest.map { (mark: renamed($0.mark), repetition: UInt64(0)) }
    }

    /// The mark did not reach Redis.
    mutating func lost() {
        if waiting == nil, let written { waiting = (written.mark, written.repetition) }
        written = nil
    }
}

extension Mark {
    /// Whether they differ only in how far was read: a successor that finds one believes the other as well.
    fileprivate func isComparable(to other: Mark) -> Bool {
        fingerprint == other.fingerprint && history.isOfSameServer(as: other.history)
    }
}
