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

    func plan() async throws -> PlanReport.DatasetPlan {
        var plan = PlanReport.DatasetPlan(name: dataset.name, redis: dataset.redis)
        let isFlagging = dataset.mode == .invalidate
        let found = dataset.keepsMark ? try await findMark() : .none
        let driver = PassDriver(
            dataset: dataset, keyPrefix: configuration.keyPrefix,
            source: SnapshotSource(dataset: dataset, keyPrefix: configuration.keyPrefix), clock: { Uptime.now })
        var pass = PassDriver<SnapshotSource>.Plan(
            admit: { isFlagging ? found.mark : found.mark?.carried(to: $0) },
            forEachPageOfKeys: { [redis] known, body in
                try await Inventory(redis: redis).forEachPage(matching: known.refresh.shape.scanPattern, body)
            })
        pass.isFlagging = isFlagging
        pass.opened = { reading in
            if isFlagging {
                plan.notes.append(found.note(reading.verdict))
            } else if reading.verdict == .fits {
                plan.notes.append("Rows outside the filter are looked at if they changed since the leader's last mark.")
            }
        }
        var memory = DatasetMemory.nothing
        var sink = makeSink { plan.add($0, Change($1), limit: limit) }
        let known = try await driver.run(pass, &memory, on: connection, into: &sink).known
        let summary = known.refresh.summary
        plan.rows = summary.rowsRead
        plan.contested = summary.rowsContested
        listSetAside(known, summary, into: &plan)
        guard summary.keysHeld > 0 else { return plan }
        // Lets the brake go, to see what it holds.
        known.refresh.confirmDeletions(at: Uptime.now)
        var heldSink = makeSink { plan.add($0, $1 == .deleted ? .held : Change($1), limit: limit) }
        try await driver.settle(known, into: &heldSink)
        plan.notes.append(
            "The brake would hold these deletions for \(DurationText.render(dataset.confirmAfter)), or until "
                + "`baton confirm \(dataset.name)`.")
        return plan
    }

    private typealias Change = PlanReport.Change

    private func makeSink(_ judged: @escaping (WriteOperation, KeyEffect) -> Void) -> ComparingSink {
        let look = CacheLook(redis: redis)
        return ComparingSink(
            clock: { Uptime.now }, look: { try await look.contents(for: $0) }, judged: judged)
    }

    private func listSetAside(
        _ known: KnownDataset, _ summary: PassSummary, into plan: inout PlanReport.DatasetPlan
    ) {
        guard summary.rowsSetAside > 0 else { return }
        var tally = PlanReport.Tally()
        for row in known.refresh.setAside {
            tally.add("\(TextLayout.printable(row.name.utf8)): \(row.reason)", limit: limit)
        }
        tally.count = summary.rowsSetAside
        plan.tallies[.setAside] = tally
    }

    /// The mark that was found, or what stands in its place.
    private enum FoundMark {
        case none
        /// A mark of another version of Baton, or a broken one.
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
        let key = GroupKeys(configuration).marks
        guard let text = try await redis.send(RedisCommand("HGET", key, dataset.name)).string else { return .none }
        return Mark(text).map { .mark($0) } ?? .unreadable
    }
}

extension PlanReport.Change {
    /// The kind of change; nil if nothing would happen to a key that is not there.
    fileprivate init?(_ effect: KeyEffect) {
        switch effect {
        case .created: self = .new
        case .replaced: self = .change
        case .deleted: self = .delete
        case .renewed, .expiring: self = .renew
        case .kept, .none: self = .keep
        case .missing: return nil
        }
    }
}

extension PlanReport.DatasetPlan {
    fileprivate mutating func add(_ operation: WriteOperation, _ change: PlanReport.Change?, limit: Int) {
        guard let change else { return }
        tallies[change, default: PlanReport.Tally()].add(TextLayout.printable(operation.key), limit: limit)
    }
}

extension Inspector {
    /// What the next pass of each dataset would write and delete. It only reads, and needs no lease.
    ///
    /// - Parameters:
    ///   - names: the datasets' names, switched on or not; empty for all that are switched on.
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
