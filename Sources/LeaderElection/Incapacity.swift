/// When a leader that cannot do its work gives its lease up: not for a trouble that passes, only if another replica can
/// work, and the more rarely the more often it was in vain. A trouble that all replicas have in turn, and that each of
/// them lacks while it only looks on, would else change leaders for ever.
public struct Incapacity: Hashable, Sendable {
    /// How long nothing must have worked.
    public let patience: Duration
    /// The least time from one such change of leaders to the next. Doubles with each change that is remembered, up to
    /// 32 times.
    public let calm: Duration

    /// The usual values: after 30 s, and at most once a minute.
    public static let standard = Incapacity(patience: .seconds(30), calm: .seconds(60))

    /// - Parameters: both longer than nothing.
    public init(patience: Duration, calm: Duration) {
        self.patience = patience
        self.calm = calm
    }

    /// How long such a change is remembered: an hour by the standard.
    public var memory: Duration { calm * 60 }

    /// Whether the leader is to give its lease up to a replica that can work.
    ///
    /// - Parameters:
    ///   - lasted: how long nothing has worked.
    ///   - earlier: how long ago leaders of the group gave their lease up for this reason.
    public func isReason(toResignAfter lasted: Duration, earlier: [Duration]) -> Bool {
        let remembered = earlier.filter { $0 < memory }
        guard lasted >= patience else { return false }
        guard let last = remembered.min() else { return true }
        return last >= calm * (1 << min(remembered.count - 1, 5))
    }
}
