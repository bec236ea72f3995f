package import CacheRefresh

/// Judges what a pass would write by what is in the cache, and writes nothing.
///
/// A plan is made of its judgements, and so is an audit.
package struct ComparingSink: PassSink {
    private let clock: @Sendable () -> Duration
    private let look: ([WriteOperation]) async throws -> [KeyContent]
    private let judged: (WriteOperation, KeyEffect) -> Void

    /// - Parameters:
    ///   - look: answers what the keys of these operations hold now, in their order.
    ///   - judged: called for each operation, with what the write script would make of its key.
    package init(
        clock: @escaping @Sendable () -> Duration, look: @escaping ([WriteOperation]) async throws -> [KeyContent],
        judged: @escaping (WriteOperation, KeyEffect) -> Void
    ) {
        self.clock = clock
        self.look = look
        self.judged = judged
    }

    package mutating func takeBatches(of refresh: inout DatasetRefresh) async throws {
        while let batch = refresh.nextBatch(at: clock()) {
            do {
                let operations = batch.unpacked
                let effects = zip(operations, try await look(operations)).map { $0.effect(on: $1) }
                for (operation, effect) in zip(operations, effects) { judged(operation, effect) }
                refresh.acknowledge(batch, BatchOutcome(effects), at: clock())
            } catch {
                refresh.lost(batch)
                throw error
            }
        }
    }

    package mutating func drain(_ refresh: inout DatasetRefresh) {}

    package mutating func giveUp(_ refresh: inout DatasetRefresh) { refresh.abandonPass() }
}
