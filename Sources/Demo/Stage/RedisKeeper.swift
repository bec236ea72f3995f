internal import LocalStack

/// Starts the demo's Redis again when it has ended, empty, as a supervisor would.
struct RedisKeeper: Sendable {
    let redis: LocalRedis
    let report: @Sendable (DemoEvent) -> Void

    private static let interval = Duration.milliseconds(100)
    /// The time from the end of Redis to its next start: long enough to look at the group without it.
    static let pause = Duration.seconds(5)

    /// Runs until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            if !redis.isRunning { await startAgain() }
        }
    }

    private func startAgain() async {
        report(.trouble("Redis ended, starts again in \(Words.brief(Self.pause))"))
        try? await Task.sleep(for: Self.pause)
        guard !Task.isCancelled else { return }
        do {
            try await redis.restart()
            report(.trouble("Redis is back, empty"))
        } catch {
            report(.trouble("Redis can't be started: \(error)"))
        }
    }
}
