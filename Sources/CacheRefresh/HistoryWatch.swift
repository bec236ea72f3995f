/// Watches over the history of the server that a dataset is read from: what the cache shows never goes back in time for
/// a server that only lags, and is doubted when another history goes on.
public struct HistoryWatch: Hashable, Sendable {
    /// How long a server may lag behind what was read before, until it counts as one that was set back.
    public static let patience = Duration.seconds(30)

    /// The meaning of a server's snapshot after those before.
    public enum Verdict: Hashable, Sendable {
        /// It goes on from where the last one was.
        case continues
        /// It lags behind what was read already. Nothing may be written from it.
        ///
        /// - Parameter bytes: how far it lags in the log; nil where it is on an earlier timeline.
        case lags(bytes: UInt64?)
        /// Another history goes on: transactions that others saw may be lost, so that all is to be compared.
        case another
    }

    /// The newest history that something was read from; nil before the first.
    public private(set) var reached: ServerHistory?
    private var lagsSince: Duration?

    /// - Parameter reached: the history that the leader before had reached; nil if that is not known.
    public init(reached: ServerHistory? = nil) {
        self.reached = reached
    }

    /// Judges the snapshot that a pass is about to read from, and takes note of it unless the server lags.
    public mutating func judge(_ snapshot: Snapshot, at now: Duration) -> Verdict {
        let verdict = reached.map { Self.verdict(on: snapshot, after: $0) } ?? .continues
        if case .lags = verdict {
            let since = lagsSince ?? now
            lagsSince = since
            if now - since < Self.patience { return verdict }
            reached = snapshot.history
            lagsSince = nil
            return .another
        }
        lagsSince = nil
        advance(to: snapshot.history, verdict)
        return verdict
    }

    /// A standby continues its primary, whose start and timeline stay remembered: the two may answer by turns.
    private mutating func advance(to history: ServerHistory, _ verdict: Verdict) {
        if let primary = reached, verdict == .continues, history.isStandby, !primary.isStandby {
            reached?.position = history.position
        } else {
            reached = history
        }
    }

    private static func verdict(on snapshot: Snapshot, after earlier: ServerHistory) -> Verdict {
        let history = snapshot.history
        guard history.system == earlier.system, history.database == earlier.database,
            history.timeline <= earlier.timeline
        else { return .another }
        let isBehind = history.position < earlier.position
        let lag = isBehind ? earlier.position.bytes - history.position.bytes : 0
        if history.isStandby { return isBehind ? .lags(bytes: lag) : .continues }
        if history.start == earlier.start && !earlier.isStandby {
            // A server does not lag behind itself: it has crashed, and lost what was not written out.
            return isBehind || history.timeline < earlier.timeline ? .another : .continues
        }
        if history.timeline < earlier.timeline { return .lags(bytes: nil) }
        if isBehind { return .lags(bytes: lag) }
        // Restarted in order, it has lost nothing.
        return snapshot.startedFrom.map { $0 >= earlier.position } ?? false ? .continues : .another
    }
}
