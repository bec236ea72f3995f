internal import Drills
internal import LocalStack

/// Runs one replica, and another one in its place whenever it ends, as Kubernetes would.
struct ReplicaKeeper: Sendable {
    let name: String
    let plan: DemoPlan
    let environment: [String: String?]
    let report: @Sendable (DemoEvent) -> Void

    /// The time from the end of one process to the start of the next.
    static let pause = Duration.seconds(3)
    /// How long a replica may take to end in good order.
    static let patience = Duration.seconds(6)

    /// Runs until the task is cancelled; then ends the process in good order.
    func run() async throws {
        while !Task.isCancelled {
            let status = try await runOnce()
            guard !Task.isCancelled else { return }
            report(.replicaEnded(replica: name, ending: "\(status)", restart: Self.pause))
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// - Returns: how the process ended, by itself or because the task was cancelled.
    private func runOnce() async throws -> ChildProcess.ExitStatus {
        let replica = try await ReplicaProcess.start(
            name, program: plan.executable, configuration: plan.configuration, environment: environment, linesKept: 0
        ) { [name, report] in report(.logged(replica: name, $0)) }
        report(.replicaStarted(replica: name, pid: replica.process.pid))
        return await withTaskCancellationHandler {
            await replica.ended()
        } onCancel: {
            Task { await replica.process.terminate(grace: Self.patience) }
        }
    }
}
