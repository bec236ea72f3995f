internal import CacheRefresh

/// One pass's batches on their way to Redis: a few in flight, answered in order.
struct BatchPipeline {
    /// More in flight would only wait inside Redis.
    static let depth = 4

    private let fence: Fence
    private let clock: @Sendable () -> Duration
    private var inFlight: [(batch: WriteBatch, sent: Fence.Sent)] = []
    /// What Redis said of the first operation that it refused.
    private(set) var refusal: String?

    init(fence: Fence, clock: @escaping @Sendable () -> Duration) {
        self.fence = fence
        self.clock = clock
    }

    /// Sends all that the refresh offers, and waits for room where too much is in flight.
    mutating func sendReady(_ refresh: inout DatasetRefresh) async throws {
        while let batch = refresh.nextBatch(at: clock()) {
            do {
                if inFlight.count >= Self.depth { try await settleOldest(&refresh) }
                try Task.checkCancellation()
                inFlight.append((batch, try await fence.send(batch)))
            } catch {
                refresh.lost(batch)
                throw error
            }
        }
    }

    /// Waits until everything was answered.
    mutating func drain(_ refresh: inout DatasetRefresh) async throws {
        while !inFlight.isEmpty { try await settleOldest(&refresh) }
    }

    /// Sends one batch that belongs to no pass, and waits for its answer.
    mutating func send(_ batch: WriteBatch, _ refresh: inout DatasetRefresh) async throws {
        inFlight.append((batch, try await fence.send(batch)))
        try await drain(&refresh)
    }

    /// Gives the pass up: what was not answered counts as lost.
    mutating func giveUp(_ refresh: inout DatasetRefresh) {
        for (batch, _) in inFlight { refresh.lost(batch) }
        inFlight = []
        refresh.abandonPass()
    }

    private mutating func settleOldest(_ refresh: inout DatasetRefresh) async throws {
        let (batch, sent) = inFlight.removeFirst()
        do {
            let outcome = try await fence.outcome(of: sent)
            refresh.acknowledge(batch, outcome, at: clock())
            if refusal == nil { refusal = outcome.failures.first?.message }
        } catch {
            refresh.lost(batch)
            throw error
        }
    }
}
