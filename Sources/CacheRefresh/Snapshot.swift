/// The state of a database when it was asked: enough to tell later whether anything can have changed since.
public struct Snapshot: Hashable, Sendable {
    /// Where the server was in its history; for a pass, the position is that *before* its rows were looked at.
    public var history: ServerHistory
    /// How much of the log outlives a crash. What is beyond may be lost with `synchronous_commit = off`, and other
    /// transactions then come to the same position.
    public var durable: WALPosition
    /// `pg_snapshot_xmin`: all transactions before this one had ended.
    public var horizon: UInt64
    /// No transaction was running that the snapshot could have missed.
    public var isQuiet: Bool
    /// The end of the log that the server found when it was started after an orderly shutdown, as long as it has made no
    /// checkpoint since; nil if that is not known.
    public var startedFrom: WALPosition?

    public init(
        history: ServerHistory, durable: WALPosition, horizon: UInt64, isQuiet: Bool, startedFrom: WALPosition? = nil
    ) {
        self.history = history
        self.durable = durable
        self.horizon = horizon
        self.isQuiet = isQuiet
        self.startedFrom = startedFrom
    }

    /// The gate: whether another read would find nothing new.
    ///
    /// That is so if the same server has written no record to its log since before the earlier snapshot, and neither
    /// then nor now any transaction was under way: a commit writes its record first and becomes visible a moment later.
    public func showsNothingNew(since earlier: Snapshot) -> Bool {
        isQuiet && earlier.isQuiet && history == earlier.history && earlier.durable >= earlier.history.position
    }

    /// The snapshot of a pass, noted with the position that was read before it.
    ///
    /// - Parameter before: asked just before. If another server answered, as behind a pooler, its position says nothing
    ///   here, and the snapshot proves nothing.
    public func noted(at before: Snapshot) -> Snapshot {
        var noted = self
        if history.isOfSameServer(as: before.history), before.history.position <= history.position {
            noted.history.position = before.history.position
        } else {
            noted.isQuiet = false
        }
        return noted
    }
}
