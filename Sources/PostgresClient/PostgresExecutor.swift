internal import Dispatch

/// Runs everything that touches one connection, one job at a time, on a thread that may block.
///
/// libpq is waited for with `poll(2)`; that must never happen on Swift's own few threads. A serial queue has a thread
/// of its own for as long as it has something to do, and none while it is idle.
final class PostgresExecutor: SerialExecutor {
    let queue = DispatchQueue(label: "postgres.connection")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
