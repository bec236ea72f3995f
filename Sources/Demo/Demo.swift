internal import CacheRefresh
import Glibc
internal import LocalStack
internal import RedisClient
internal import UnixSignals

/// The demo: real servers, a sample database, several replicas that compete, and a writer that keeps changing rows.
public struct Demo: Sendable {
    let plan: DemoPlan

    public init(_ plan: DemoPlan) { self.plan = plan }

    /// Shows the replicas at work until it is interrupted or the plan's duration is over. Nothing is left behind.
    ///
    /// - Throws: ``DemoError`` or `LocalStackError` if something can't be started.
    public func show() async throws {
        let (events, report) = AsyncStream.makeStream(of: DemoEvent.self)
        let redraw: @Sendable () -> Void = { report.yield(.tick) }
        try await interruptible(onResize: redraw) {
            do {
                let servers = try await Servers.start(plan.size, progress: Progress())
                do {
                    try await perform(on: servers, events) { report.yield($0) }
                } catch {
                    await servers.workspace.close()
                    throw error
                }
                await servers.workspace.close()
            } catch {
                // Being told to end is no failure.
                if !Task.isCancelled { throw error }
            }
        }
    }

    private func perform(
        on servers: Servers, _ events: AsyncStream<DemoEvent>, _ report: @escaping @Sendable (DemoEvent) -> Void
    ) async throws {
        let redis = try servers.redisClient()
        let pids = ReplicaPIDs()
        let tell: @Sendable (DemoEvent) -> Void = { event in
            pids.note(event)
            report(event)
        }
        let names = (1...max(1, plan.replicas)).map { "replica-\($0)" }
        let watcher = Watcher(redis: redis, leaseKey: plan.leaseKey, pids: pids, report: tell)
        let writer = Writer(
            postgres: servers.owner,
            follower: ChangeFollower(redis: redis, datasets: plan.enabledDatasets, keyPrefix: plan.keyPrefix),
            size: plan.size, report: tell)
        let scene = Scene(
            place: try servers.place(for: plan), replicas: names,
            datasets: plan.datasets.map { ($0.name, $0.isEnabled) })
        let director = Director(scene: scene, events: events, duration: plan.duration)
        let environment = servers.environment(for: plan)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            for name in names {
                let replica = ReplicaKeeper(name: name, plan: plan, environment: environment, report: tell)
                group.addTask {
                    try await replica.run()
                    return false
                }
            }
            group.addTask {
                await RedisKeeper(redis: servers.redis, report: tell).run()
                return false
            }
            group.addTask {
                await watcher.run()
                return false
            }
            group.addTask {
                await writer.run()
                return false
            }
            group.addTask {
                while !Task.isCancelled {
                    report(.tick)
                    try? await Task.sleep(for: .milliseconds(100))
                }
                return false
            }
            group.addTask {
                try await director.run()
                return true
            }
            while let isOver = try await group.next(), !isOver {}
        }
        await redis.close()
    }
}

// MARK: - Interruption

/// Runs `body` in a task that Ctrl-C, SIGTERM or the end of the terminal cancels; asked twice, the process ends at
/// once.
///
/// - Returns: what `body` returned.
func interruptible<Result: Sendable>(
    onResize: @escaping @Sendable () -> Void = {}, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let signals = await UnixSignalsSequence(
        trapping: .sigint, .sigterm, .sighup, .sigpipe, .sigwinch, .sigcont)
    let work = Task { try await body() }
    let listening = Task {
        for await signal in signals {
            switch signal {
            case .sigwinch, .sigcont: onResize()
            case .sigpipe where work.isCancelled: break
            default:
                // What is left then is tidied up by the guardian.
                if work.isCancelled { _exit(128 + signal.rawValue) }
                work.cancel()
            }
        }
    }
    defer { listening.cancel() }
    return try await withTaskCancellationHandler {
        try await work.value
    } onCancel: {
        work.cancel()
    }
}
