internal import BatonConfiguration
internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import GroupState
internal import PostgresClient
internal import RedisClient

/// Goes through a first pass of one dataset without writing: rows, keys that are there, deletions.
struct DatasetPlanner {
    let dataset: Dataset
    let configuration: Configuration
    /// How many keys of each kind are listed.
    let limit: Int
    let connection: PostgresConnection
    let redis: RedisClient

    private var comparison: CacheComparison { CacheComparison(redis: redis) }

    func plan() async throws -> PlanReport.DatasetPlan {
        var plan = PlanReport.DatasetPlan(name: dataset.name, redis: dataset.redis)
        let source = DatasetSource(dataset: dataset, keyPrefix: configuration.keyPrefix)
        let found = dataset.keepsMark ? try await findMark() : .none
        let admit = { (snapshot: Snapshot) in
            dataset.mode == .invalidate ? found.mark : found.mark?.carried(to: snapshot)
        }
        let memory = try await source.read(
            on: connection, known: nil, isFlagging: dataset.mode == .invalidate, admit: admit
        ) { reading in
            if dataset.mode == .invalidate {
                plan.notes.append(found.note(reading.verdict))
            } else if reading.verdict == .fits {
                plan.notes.append("Rows outside the filter are looked at if they changed since the leader's last mark.")
            }
            let memory = Memory(
                DatasetRefresh(
                    dataset: dataset, shape: reading.binding.shape, opening: .comparing,
                    validatesUTF8: reading.binding.validatesUTF8))
            memory.refresh.beginPass(rowsAreFlagged: reading.rowsAreFlagged)
            while let chunk = try await reading.rows.next() {
                chunk.withUnsafeBytes { memory.refresh.take($0, at: Uptime.now) }
                try await evaluate(memory, into: &plan)
            }
            memory.refresh.endRead(at: Uptime.now)
            return memory
        }
        try await examineKeys(memory, into: &plan)
        memory.refresh.settle(at: Uptime.now)
        try await evaluate(memory, into: &plan)
        memory.refresh.finishPass()
        let summary = memory.refresh.summary
        plan.rows = summary.rowsRead
        plan.contested = summary.rowsContested
        listSetAside(memory, summary, into: &plan)
        if summary.keysHeld > 0 { try await listHeld(memory, into: &plan) }
        return plan
    }

    /// The refresh of one dataset; only one task touches it.
    private final class Memory {
        var refresh: DatasetRefresh
        init(_ refresh: consuming DatasetRefresh) { self.refresh = refresh }
    }

    /// Takes the batches that are ready, and answers them as the script would.
    private func evaluate(
        _ memory: Memory, into plan: inout PlanReport.DatasetPlan, as verdict: PlanReport.Change? = nil
    ) async throws {
        while let batch = memory.refresh.nextBatch(at: Uptime.now) {
            let operations = batch.planned
            var outcome = BatchOutcome()
            for (position, found) in try await comparison.verdicts(on: operations).enumerated() {
                if let change = found.change == .delete ? verdict ?? .delete : found.change {
                    plan.tallies[change, default: PlanReport.Tally()].add(
                        TextLayout.printable(operations[position].key), limit: limit)
                }
                if let ttl = operations[position].ttlMilliseconds, found.isKept {
                    outcome.kept.append(
                        BatchOutcome.Kept(operation: position, ttlMilliseconds: found.left < 0 ? ttl : found.left))
                }
            }
            memory.refresh.acknowledge(batch, outcome, at: Uptime.now)
        }
    }

    private func examineKeys(_ memory: Memory, into plan: inout PlanReport.DatasetPlan) async throws {
        guard memory.refresh.wantsInventory else { return }
        try await Inventory(redis: redis).forEachPage(matching: memory.refresh.shape.scanPattern) { keys in
            for key in keys { memory.refresh.examine(key: key, at: Uptime.now) }
            try await evaluate(memory, into: &plan)
        }
    }

    private func listSetAside(_ memory: Memory, _ summary: PassSummary, into plan: inout PlanReport.DatasetPlan) {
        guard summary.rowsSetAside > 0 else { return }
        var tally = PlanReport.Tally()
        for row in memory.refresh.setAside {
            tally.add("\(TextLayout.printable(row.name.utf8)): \(row.reason)", limit: limit)
        }
        tally.count = summary.rowsSetAside
        plan.tallies[.setAside] = tally
    }

    /// Lets the brake go, to see what it holds.
    private func listHeld(_ memory: Memory, into plan: inout PlanReport.DatasetPlan) async throws {
        memory.refresh.confirmDeletions(at: Uptime.now)
        memory.refresh.settle(at: Uptime.now)
        try await evaluate(memory, into: &plan, as: .held)
        plan.notes.append(
            "The brake would hold these deletions for \(DurationText.render(dataset.confirmAfter)), or until "
                + "`baton confirm \(dataset.name)`.")
    }

    /// What stands in the mark's place.
    private enum FoundMark {
        case none
        /// Of another version of Baton, or broken.
        case unreadable
        case mark(Mark)

        var mark: Mark? { if case .mark(let mark) = self { mark } else { nil } }

        /// - Parameter verdict: on the mark; nil where the dataset's rows can't be dated.
        func note(_ verdict: Mark.Verdict?) -> String {
            let obstacle =
                switch (self, verdict) {
                case (.none, _): "No leader has left a mark"
                case (.unreadable, _): "A mark is there, of another version of Baton"
                case (.mark, .otherDefinition): "A mark is there, of another definition"
                case (.mark, .otherHistory):
                    "A mark is there, of another history: the server was restarted, restored or replaced since"
                case (.mark, .tooOld): "A mark is there, but too old"
                case (.mark, nil): "A mark is there, but the rows of a view or a query don't say when they changed"
                case (.mark, .fits): String?.none
                }
            return obstacle.map { "\($0): all keys would go." }
                ?? "As a new leader would do it, from the mark that the one before left."
        }
    }

    private func findMark() async throws -> FoundMark {
        let key = GroupKeys(prefix: configuration.keyPrefix, group: configuration.group).marks
        guard let text = try await redis.send(RedisCommand("HGET", key, dataset.name)).string else { return .none }
        return Mark(text).map { .mark($0) } ?? .unreadable
    }
}

extension Inspector {
    /// What the next pass of each dataset would write and delete. It only reads, and needs no lease.
    ///
    /// - Parameters:
    ///   - names: of datasets, switched on or not; empty for all that are switched on.
    ///   - limit: how many keys of each kind are listed.
    /// - Throws: ``InspectionError``, ``DatasetError``, or an error of a server.
    package func plan(datasets names: [String] = [], limit: Int = 10) async throws -> PlanReport {
        let datasets = try datasets(named: names)
        var report = PlanReport()
        guard !datasets.isEmpty else { return report }
        let connection = try await connectToPostgres()
        for dataset in datasets {
            let plan = try await withRedis(dataset.redis) { redis in
                try await DatasetPlanner(
                    dataset: dataset, configuration: configuration, limit: max(0, limit), connection: connection,
                    redis: redis
                ).plan()
            }
            report.datasets.append(plan)
        }
        await connection.close()
        return report
    }
}
