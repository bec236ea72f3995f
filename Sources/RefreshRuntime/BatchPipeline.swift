internal import CacheRefresh
internal import DatasetReading

/// One pass's batches on their way to Redis: a few in flight, answered in order.
struct BatchPipeline: PassSink {
    /// More in flight would only wait inside Redis.
    static let depth = 4

    private let fence: Fence
    /// How often Redis had lost data when the pass began: no batch goes behind a loss that comes later.
    private let losses: Int
    private let clock: @Sendable () -> Duration
    private let meter: DatasetMeter
    private var inFlight: [(batch: WriteBatch, sent: Fence.Sent, isSecondTry: Bool)] = []
    /// The words of Redis about the first operation that it refused.
    private(set) var refusal: String?
    /// Says what goes before the first batch; asked once there is one.
    private let announce: () -> WriteBatch?
    /// Whether that was sent, or there was nothing to say.
    private(set) var hasAnnounced = false
    /// Why batches that need memory are not sent any more: Redis is full. Those that free it still are.
    private(set) var shortage: Fence.Failure?

    /// - Parameter announce: says what goes before the first batch that there is, if anything.
    init(
        fence: Fence, losses: Int, clock: @escaping @Sendable () -> Duration, meter: DatasetMeter,
        announce: @escaping () -> WriteBatch?
    ) {
        self.announce = announce
        self.fence = fence
        self.losses = losses
        self.clock = clock
        self.meter = meter
    }

    /// Sends all that the refresh offers, and waits for room where too much is in flight.
    mutating func takeBatches(of refresh: inout DatasetRefresh) async throws {
        while let batch = refresh.nextBatch(at: clock()) {
            if shortage != nil, !batch.needsNoMemory {
                refresh.lost(batch)
                continue
            }
            do {
                if !hasAnnounced {
                    if let note = announce() { inFlight.append((note, try await send(note), false)) }
                    hasAnnounced = true
                }
                if inFlight.count >= Self.depth { try await settleOldest(&refresh) }
                try Task.checkCancellation()
                inFlight.append((batch, try await send(batch), false))
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
        inFlight.append((batch, try await send(batch), false))
        try await drain(&refresh)
    }

    /// Gives the pass up: what was not answered counts as lost, and what was done is counted.
    mutating func giveUp(_ refresh: inout DatasetRefresh) {
        for (batch, _, _) in inFlight { refresh.lost(batch) }
        inFlight = []
        refresh.abandonPass()
        meter.worked(refresh.summary)
    }

    private func send(_ batch: WriteBatch) async throws -> Fence.Sent {
        let sent = try await fence.send(batch, losses: losses)
        meter.sent(writes: batch.isNote ? 0 : batch.operations.count, bytes: sent.byteCount)
        return sent
    }

    private mutating func settleOldest(_ refresh: inout DatasetRefresh) async throws {
        let (batch, sent, isSecondTry) = inFlight.removeFirst()
        do {
            let outcome = try await fence.outcome(of: sent)
            refresh.acknowledge(batch, outcome, at: clock())
            if refusal == nil { refusal = outcome.failures.first?.message }
        } catch let failure as Fence.Failure {
            if failure.isOversize, batch.count == 1 {
                refresh.refuse(batch, at: clock())
                try await sendRestAgain()
            } else if case .gap = failure, shortage != nil {
                try await sendAgain(batch, &refresh, isSecondTry: isSecondTry)
            } else {
                refresh.lost(batch)
                guard failure.isShortage else { throw failure }
                shortage = failure
            }
        } catch {
            refresh.lost(batch)
            throw error
        }
    }

    /// Sends those batches again that were on a connection which Redis closed because of one before them.
    private mutating func sendRestAgain() async throws {
        for place in inFlight.indices { inFlight[place].sent = try await send(inFlight[place].batch) }
    }

    /// Sends a batch again that was refused only because it continued one for which there was no memory.
    private mutating func sendAgain(
        _ batch: WriteBatch, _ refresh: inout DatasetRefresh, isSecondTry: Bool
    ) async throws {
        guard batch.needsNoMemory, !isSecondTry else {
            refresh.lost(batch)
            return
        }
        do {
            inFlight.append((batch, try await send(batch), true))
        } catch {
            refresh.lost(batch)
            throw error
        }
    }
}

extension WriteBatch {
    /// The batch serves the next leader alone: no key of the cache is in it.
    fileprivate var isNote: Bool { operations == [.mark] }

    /// Whether it has only deletions, renewals and marks, which pass on a full Redis too.
    fileprivate var needsNoMemory: Bool {
        let frugal: Set<Operation> = [.delete, .touch, .touchHash, .mark]
        return operations.allSatisfy(frugal.contains)
    }
}
