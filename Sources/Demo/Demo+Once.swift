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
        let replica = try await ReplicaProcess.start(
            "replica-1", program: plan.executable, configuration: plan.configuration,
            environment: servers.environment(for: plan))
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
            pass.reports = try await firstPasses(of: datasets.map(\.name), by: replica)
            pass.peakMemory = ProcessStatus(of: replica.process.pid)?.peakMemory ?? 0
            let status = await replica.process.terminate(grace: ReplicaKeeper.patience)
            guard status.isSuccess else {
                throw DemoError(.replica, "The replica ended with \(status) when told to stop.")
            }
            return pass
        } catch {
            await replica.process.terminate(grace: ReplicaKeeper.patience)
            throw error
        }
    }

    /// Generous also for slow machines, but not for ever.
    private var patience: Duration { .seconds(60 + plan.size.merchants / 2_000) }

    private func firstPasses(of names: [String], by replica: ReplicaProcess) async throws -> [String: PassReport] {
        let deadline = ContinuousClock.now + patience
        var reports: [String: PassReport] = [:]
        do {
            for name in names {
                let entry = try await replica.firstLine("a pass of \(name)", within: deadline - .now) {
                    $0.message == "pass failed" || PassReport($0)?.dataset == name
                }
                guard let report = PassReport(entry.line) else {
                    throw DemoError(.replica, "A pass failed: \(entry.line.words).")
                }
                reports[name] = report
            }
            return reports
        } catch let error as ReplicaProcess.LineMissing {
            guard let ending = error.ending else {
                throw DemoError(.replica, "No full pass within \(Words.elapsed(patience)).")
            }
            let said = replica.log.filter(\.isWarning).suffix(10).map { "  \($0.words)" }
            throw DemoError(.replica, (["The replica ended by itself (\(ending))."] + said).joined(separator: "\n"))
        }
    }
}
