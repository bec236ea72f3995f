package import CacheRefresh
package import PostgresClient

/// The driver of a dataset's pass: it gives the pure core what a source reads, and a sink the batches that come out of
/// the core.
///
/// The caller decides whether a pass is due, and tells people of it.
package struct PassDriver<Source: ChangeSource> {
    private let dataset: Dataset
    private let rows: DatasetSource
    private let source: Source
    private let clock: @Sendable () -> Duration

    package init(
        dataset: Dataset, keyPrefix: String, source: Source, clock: @escaping @Sendable () -> Duration
    ) {
        self.dataset = dataset
        self.rows = DatasetSource(dataset: dataset, keyPrefix: keyPrefix)
        self.source = source
        self.clock = clock
    }

    /// How a pass is to be done.
    package struct Plan {
        /// How what is in the cache is treated if nothing is known of it.
        package var opening = DatasetRefresh.Opening.comparing
        /// Whether rows are flagged by whether they may have changed since the mark.
        package var isFlagging = false
        /// The mark that changed rows are read from; throws if nothing is to be read from this snapshot.
        package var admit: (Snapshot) throws -> Mark?
        /// Called when the read is open, before its rows come.
        package var opened: (ChangeReading) -> Void = { _ in }
        /// Called whenever rows came.
        package var heard: () -> Void = {}
        /// Calls its last argument with each page of keys that are in the cache and may be the dataset's.
        package var forEachPageOfKeys: (KnownDataset, ([[UInt8]]) async throws -> Void) async throws -> Void

        package init(
            admit: @escaping (Snapshot) throws -> Mark?,
            forEachPageOfKeys: @escaping (KnownDataset, ([[UInt8]]) async throws -> Void) async throws -> Void
        ) {
            self.admit = admit
            self.forEachPageOfKeys = forEachPageOfKeys
        }
    }

    /// The read of a pass.
    package struct Outcome {
        package let known: KnownDataset
        package let snapshot: Snapshot
        /// The mark since which changed rows were read whatever the filter says; nil if they were not.
        package let since: Mark?
    }

    /// Reads, and gives all that follows to the sink.
    ///
    /// - Parameter memory: is `partial` afterwards, with what was read so far if the pass failed. Whether it is complete
    ///   is for the caller to say, who knows what the sink made of it.
    /// - Throws: what source, sink and plan throw. The pass is then given up: what was not acknowledged is done again by
    ///   a later one, and no row counts as gone for a read that did not come to its end.
    package func run(
        _ plan: Plan, _ memory: inout DatasetMemory, on connection: PostgresConnection, into sink: inout some PassSink
    ) async throws -> Outcome {
        let before = memory.known
        memory.doubt()
        var current: KnownDataset?
        do {
            let outcome = try await source.read(
                on: connection, known: before?.binding, isFlagging: plan.isFlagging, admit: plan.admit
            ) { reading in
                let known = know(before, as: reading.binding, plan.opening)
                current = known
                plan.opened(reading)
                known.refresh.beginPass(reading.scope, rowsAreFlagged: reading.rowsAreFlagged)
                while let chunk = try await reading.rows.next() {
                    plan.heard()
                    chunk.withUnsafeBytes { known.refresh.take($0, at: clock()) }
                    try await sink.takeBatches(of: &known.refresh)
                }
                known.refresh.endRead(at: clock())
                return Outcome(known: known, snapshot: reading.snapshot, since: reading.since)
            }
            memory = .partial(outcome.known)
            try await letGo(outcome.known, connection)
            if outcome.known.refresh.wantsInventory {
                try await plan.forEachPageOfKeys(outcome.known) { keys in
                    for key in keys { outcome.known.refresh.examine(key: key, at: clock()) }
                    try await sink.takeBatches(of: &outcome.known.refresh)
                }
            }
            try await finish(outcome.known, into: &sink)
            return outcome
        } catch {
            if let current {
                memory = .partial(current)
                sink.giveUp(&current.refresh)
            }
            throw error
        }
    }

    /// A pass that reads nothing: renewals, repetitions and what the brake lets go.
    ///
    /// - Throws: what the sink throws. The pass is then given up.
    package func settle(_ known: KnownDataset, into sink: inout some PassSink) async throws {
        do {
            try await finish(known, into: &sink)
        } catch {
            sink.giveUp(&known.refresh)
            throw error
        }
    }

    private func finish(_ known: KnownDataset, into sink: inout some PassSink) async throws {
        known.refresh.settle(at: clock())
        try await sink.takeBatches(of: &known.refresh)
        try await sink.drain(&known.refresh)
        known.refresh.finishPass()
    }

    /// The dataset that is known already, unless it now looks different; else a new one.
    private func know(
        _ before: KnownDataset?, as binding: DatasetBinding, _ opening: DatasetRefresh.Opening
    ) -> KnownDataset {
        if let before, before.refresh.shape == binding.shape {
            before.binding = binding
            return before
        }
        let known = KnownDataset(
            refresh: DatasetRefresh(
                dataset: dataset, shape: binding.shape, opening: opening, validatesUTF8: binding.validatesUTF8),
            binding: binding)
        // Rows outside the filter that changed before the columns did are still to be read.
        if let before, dataset.hasFilter {
            known.refresh.goOn(from: before.refresh, fingerprint: "\(binding.fingerprint)")
        }
        return known
    }

    /// Forgets the rows that exist but have left the filter, if there is one, so that only deleted rows lose their
    /// keys.
    private func letGo(_ known: KnownDataset, _ connection: PostgresConnection) async throws {
        guard let unseen = known.refresh.unseenIdentities, !unseen.isEmpty else { return }
        let chunkSize = 1000
        for start in stride(from: 0, to: unseen.count, by: chunkSize) {
            let identities = Array(unseen[start..<min(start + chunkSize, unseen.count)])
            for identity in try await rows.existing(identities, binding: known.binding, on: connection) {
                known.refresh.letGo(identity: identity)
            }
        }
    }
}
