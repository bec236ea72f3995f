internal import Drills
internal import RedisClient
internal import Synchronization

/// Looks, several times a second, at what any operator can see: the lease in Redis and the replicas' processes.
struct Watcher: Sendable {
    let redis: RedisClient
    let leaseKey: String
    let pids: ReplicaPIDs
    let report: @Sendable (DemoEvent) -> Void

    private static let interval = Duration.milliseconds(100)
    private static let roundsPerProcessLook = 5

    /// Runs until the task is cancelled.
    func run() async {
        var round = 0
        while !Task.isCancelled {
            if let reply = try? await redis.send(RedisCommand("GET", leaseKey)) {
                report(.leaseSeen(reply.bytes.flatMap { LeaseView(parsing: $0) }))
            }
            if round % Self.roundsPerProcessLook == 0 {
                for (name, pid) in pids.all {
                    guard let status = ProcessStatus(of: pid) else { continue }
                    report(.replicaSeen(replica: name, isStopped: status.isStopped, memory: status.memory))
                }
            }
            round += 1
            try? await Task.sleep(for: Self.interval)
        }
    }
}

/// The process ids of the replicas that run.
final class ReplicaPIDs: Sendable {
    private let byName = Mutex<[String: Int32]>([:])

    var all: [String: Int32] { byName.withLock { $0 } }

    func note(_ event: DemoEvent) {
        switch event {
        case .replicaStarted(let name, let pid): byName.withLock { $0[name] = pid }
        case .replicaEnded(let name, _, _): byName.withLock { $0[name] = nil }
        case .replicaSeen, .logged, .leaseSeen, .changed, .fresh, .overdue, .trouble, .tick: break
        }
    }
}
