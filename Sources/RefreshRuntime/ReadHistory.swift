package import CacheRefresh

/// The history that a dataset is read from, from tick to tick, and what Redis was told of it.
package final class ReadHistory {
    private var watch: HistoryWatch?
    /// The history as Redis has it.
    private var written: ServerHistory?
    /// Another history went on in the last pass: from where, and from where on.
    private var change: (from: ServerHistory, to: ServerHistory)?

    package init() {}

    /// Redis may have lost what it was told.
    func announceAgain() { written = nil }

    /// Asks once for the history that the leader before had reached.
    func findReached(_ ask: () async throws -> ServerHistory?) async throws {
        guard watch == nil else { return }
        written = try await ask()
        watch = HistoryWatch(reached: written)
    }

    /// Judges the snapshot that a pass is about to read from.
    ///
    /// - Returns: whether another history goes on than the one that was read before.
    /// - Throws: ``ServerLag``.
    func judge(_ snapshot: Snapshot, at now: Duration) throws -> Bool {
        let before = watch?.reached
        switch watch?.judge(snapshot, at: now) {
        case .continues, nil: return false
        case .lags(let bytes): throw ServerLag(bytes: bytes)
        case .another:
            if let before { change = (before, snapshot.history) }
            return true
        }
    }

    /// The history that Redis is to be told; nil where it knows that.
    var unannounced: ServerHistory? {
        guard let reached = watch?.reached, reached != written else { return nil }
        return reached
    }

    /// Redis was told what there was to tell.
    func announced() { written = watch?.reached }

    /// The last change of the history; told once.
    package func takeChange() -> (from: ServerHistory, to: ServerHistory)? {
        defer { change = nil }
        return change
    }
}

/// An error: nothing may be read now, as the server that answers lags behind what the cache was written from.
struct ServerLag: Error, Hashable, CustomStringConvertible {
    /// How far it lags behind in the log, in bytes; nil where the server is on an earlier timeline.
    let bytes: UInt64?

    var description: String {
        let place = bytes.map { "\($0) bytes of its log" } ?? "a promotion"
        return "the server that answers is \(place) behind what was read already. Nothing is read from it until it has "
            + "caught up, for \(HistoryWatch.patience.components.seconds) s at most"
    }
}
