internal import CacheRefresh
internal import Drills
internal import Formatting
import Glibc
internal import LocalStack
internal import PostgresClient
internal import RedisClient
internal import Synchronization

extension Demo {
    /// Lets one replica do a full pass of each dataset that is switched on, then compares every cached value with what
    /// PostgreSQL says, and prints the result.
    ///
    /// - Returns: whether the cache is what it should be.
    /// - Throws: ``DemoError`` or `LocalStackError` if something can't be started or a pass does not succeed;
    ///   `CancellationError` when interrupted.
    public func once() async throws -> Bool {
        try await interruptible {
            let progress = Progress()
            let servers = try await Servers.start(plan.size, progress: progress)
            do {
                let report = try await passAndCompare(servers, progress)
                await servers.workspace.close()
                Descriptor.write(report.lines.joined(separator: "\n") + "\n", to: STDOUT_FILENO)
                return report.isRight
            } catch {
                await servers.workspace.close()
                throw Task.isCancelled ? CancellationError() : error
            }
        }
    }

    private func passAndCompare(_ servers: Servers, _ progress: Progress) async throws -> OnceReport {
        let datasets = plan.enabledDatasets
        guard !datasets.isEmpty else {
            throw DemoError(.replica, "No dataset is switched on: set `enabled: true` for one.")
        }
        let connection = try await servers.redisConnection()
        let invalidated = datasets.filter { $0.mode == .invalidate }
        if !invalidated.isEmpty {
            let names = invalidated.map(\.name).joined(separator: ", ")
            try await progress.step("filling the cache with old values, as an application would: \(names)") {
                try await fill(invalidated, servers, connection)
            }
        }
        let start = ContinuousClock.now
        let pass = try await progress.step("one full pass of \(datasets.count) datasets") {
            try await fullPass(of: datasets, servers, connection, progress)
        }
        let verifying = ContinuousClock.now
        let verdicts = try await progress.step("comparing every value with the database") {
            let verification = Verification(
                postgres: servers.owner, reader: CacheReader(connection: connection), keyPrefix: plan.keyPrefix,
                start: start)
            return try await verification.run(datasets) { progress.show("\(TextLayout.grouped($0)) values") }
        }
        await connection.close()
        return OnceReport(
            verdicts: verdicts, passes: pass.reports, peakMemory: pass.peakMemory,
            secondsToVerify: (.now - verifying) / .seconds(1))
    }

    /// Puts something outdated under each key.
    private func fill(_ datasets: [Dataset], _ servers: Servers, _ redis: RedisConnection) async throws {
        let postgres = try await PostgresConnection.connect(servers.owner)
        for dataset in datasets {
            let milliseconds = "\(Int(dataset.ttl / .milliseconds(1)))"
            let statement = Expectation(dataset: dataset, keyPrefix: plan.keyPrefix).statement()
            for row in try await postgres.query(statement) {
                for place in dataset.keys.indices {
                    guard let key = row.bytes(at: 2 * place) else { continue }
                    let command = ["SET", nil, "\"outdated\"", "PX", milliseconds].map {
                        $0.map { Array($0.utf8) } ?? key
                    }
                    _ = try await redis.send(RedisCommand(command))
                }
            }
        }
        await postgres.close()
    }

    // MARK: The pass

    private struct FullPass {
        var reports: [String: PassReport] = [:]
        /// The most memory that the replica had, in bytes.
        var peakMemory = 0
    }

    /// Runs a replica until it has passed each dataset once.
    private func fullPass(
        of datasets: [Dataset], _ servers: Servers, _ redis: RedisConnection, _ progress: Progress
    ) async throws -> FullPass {
        let replica = ReplicaProcess(
            name: "replica-1", plan: plan, environment: servers.environment(for: plan), report: { _ in })
        let child = try await replica.start()
        let counting = Task {
            while !Task.isCancelled {
                if let keys = try? await redis.send(RedisCommand("DBSIZE")).int {
                    progress.show("\(TextLayout.grouped(Int(keys))) keys")
                }
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        defer { counting.cancel() }
        do {
            var pass = FullPass()
            try await withTimeLimit(patience) {
                pass.reports = try await Self.firstPasses(of: Set(datasets.map(\.name)), child)
            }
            pass.peakMemory = ProcessStatus.of(child.pid)?.peakMemory ?? 0
            let status = await child.terminate(grace: ReplicaProcess.patience)
            guard status.isSuccess else {
                throw DemoError(.replica, "The replica ended with \(status) when told to stop.")
            }
            return pass
        } catch {
            await child.terminate(grace: ReplicaProcess.patience)
            throw error
        }
    }

    /// Generous also for slow machines, but not for ever.
    private var patience: Duration { .seconds(60 + plan.size.merchants / 2_000) }

    private static func firstPasses(of names: Set<String>, _ child: ChildProcess) async throws -> [String: PassReport] {
        var reports: [String: PassReport] = [:]
        var said: [String] = []
        for await text in child.standardError {
            let line = LogLine(parsing: text)
            if let report = PassReport(line), names.contains(report.dataset), reports[report.dataset] == nil {
                reports[report.dataset] = report
                if reports.count == names.count { return reports }
            }
            if line.message == "pass failed" { throw DemoError(.replica, "A pass failed: \(line.words).") }
            if line.isWarning || !text.hasPrefix("{") { said.append("  \(line.words)") }
        }
        try Task.checkCancellation()
        let status = await child.wait()
        throw DemoError(
            .replica, (["The replica ended by itself (\(status))."] + said.suffix(10)).joined(separator: "\n"))
    }
}

/// Runs `body`, and throws if it takes longer than `limit`.
private func withTimeLimit(_ limit: Duration, _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            try await Task.sleep(for: limit)
            throw DemoError(.replica, "No full pass within \(Words.elapsed(limit)).")
        }
        defer { group.cancelAll() }
        try await body()
    }
}
