import Drills
import Foundation
import LocalStack
import PostgresClient

/// Three replicas to whose leader one thing happens again and again, and what came of it.
final class Drill {
    let witness: Witness
    /// Of each run, in milliseconds from the event: until a successor was elected, until its first word to the fence
    /// was accepted, and until a row that changed right after the event was right in the cache.
    private(set) var elected: [Double] = []
    private(set) var synced: [Double] = []
    private(set) var fresh: [Double] = []

    private let event: Failover.Event
    private let stage: Stage
    private let database: PostgresConnection
    private var replicas: [ReplicaProcess] = []
    private var relays: [String: Relay] = [:]
    private var mark = 0

    /// A term or a connection of this age is trusted to tell a crash by: of the standard configuration, and a bit more.
    private static let ttl = 3.2
    private static let ledgerRows = 100_000

    private init(_ event: Failover.Event, _ stage: Stage, _ witness: Witness, _ database: PostgresConnection) {
        self.event = event
        self.stage = stage
        self.witness = witness
        self.database = database
    }

    static func with<Result>(_ event: Failover.Event, _ body: (Drill) async throws -> Result) async throws -> Result {
        try await Stage.with { stage in
            let witness = Witness()
            let monitor = Monitor(port: stage.redis.port, witness: witness)
            defer { monitor.close() }
            let url = stage.postgres.url(database: Stage.database)
            let database = try await PostgresConnection.connect(PostgresConfiguration(url: url))
            let drill = Drill(event, stage, witness, database)
            defer { for relay in drill.relays.values { relay.close() } }
            try await drill.prepare()
            let result = try await body(drill)
            await database.close()
            return result
        }
    }

    private func prepare() async throws {
        try await database.execute("create table canary (id int primary key, mark text)")
        try await database.execute("insert into canary values (1, '')")
        try await database.execute("create table ledger (id int primary key, amount int)")
        try await database.execute("alter table ledger set (fillfactor = 50)")
        let rows = event.isMidBatch ? Self.ledgerRows : 1000
        try await database.execute("insert into ledger select i, 0 from generate_series(1, \(rows)) i")
        try stage.configure(
            datasets: """
                  canary: { table: canary, key: "canary:{id}", every: 50ms }
                  ledger: { table: ledger, key: "ledger:{id}", every: 50ms }
                """)
        _ = try await witness.wait(for: "view of Redis") { $0.watchedSince }
        for name in ["a", "b", "c"] { try await start(name) }
        _ = try await witness.wait(for: "first leader") { $0.terms.last?.syncedAt }
    }

    // MARK: A run

    func run() async throws {
        try await settle()
        let before = try await term()
        let leader = try replica(before.holder)
        let log = leader.lineCount
        let begin = try await happen(to: leader)
        mark += 1
        let mark = mark
        try await database.execute("update canary set mark = '\(Witness.mark(mark))'")
        let successor = try await witness.wait(for: "successor") { sight in
            sight.terms.first { $0.epoch > before.epoch && $0.syncedAt != nil }
        }
        let freshAt = try await witness.wait(for: "fresh canary") { $0.marks[mark] }
        elected.append((successor.electedAt - begin) * 1000)
        synced.append(((successor.syncedAt ?? .infinity) - begin) * 1000)
        fresh.append((freshAt - begin) * 1000)
        try await recover(leader, log)
    }

    /// Makes it happen, and says when.
    private func happen(to leader: ReplicaProcess) async throws -> Witness.Time {
        if event.isMidBatch { try await awaitBatches() }
        let begin = Witness.now
        switch event {
        case .stepDown:
            let command = try await stage.baton("step-down")
            let requestedAt = try await witness.wait(for: "request") { sight in
                sight.requestedAt.flatMap { $0 > begin ? $0 : nil }
            }
            stepDown = command
            return requestedAt
        case .sigterm: try leader.process.signal(SIGTERM)
        case .sigkill, .sigkillTTL: try leader.process.signal(SIGKILL)
        case .sigstop: try leader.process.signal(SIGSTOP)
        case .partition: relays[leader.name]?.cut()
        case .redisEmptied:
            await stage.redis.kill()
            try await Task.sleep(for: .milliseconds(Int.random(in: 100..<500)))
            try await stage.redis.restart()
            return try await witness.wait(for: "Redis") { sight in
                sight.watchedSince.flatMap { $0 > begin ? $0 : nil }
            }
        }
        return begin
    }

    /// The command that requested the leader to step down.
    private var stepDown: ChildProcess?

    /// Changes the whole ledger, and waits until the leader has sent some of it.
    private func awaitBatches() async throws {
        try await database.execute("update ledger set amount = amount + 1")
        let start = witness.sight.accepted
        let some = Int.random(in: 20..<400)
        _ = try await witness.wait(for: "batches") { $0.accepted >= start + some ? true : nil }
    }

    /// Brings the old leader back as a follower.
    private func recover(_ leader: ReplicaProcess, _ log: Int) async throws {
        switch event {
        case .stepDown:
            _ = await stepDown?.wait()
        case .sigterm, .sigkill, .sigkillTTL:
            await leader.ended()
            replicas.removeAll { $0 === leader }
            try await start(leader.name)
        case .sigstop:
            try leader.process.signal(SIGCONT)
            try await leader.line("leadership lost", after: log, within: .seconds(30))
        case .partition:
            relays[leader.name]?.mend()
            try await leader.line("following", after: log, within: .seconds(30))
        case .redisEmptied: break
        }
    }

    /// Waits until the group is in the state in which the event is to be measured, and then for somewhere between two
    /// renewals.
    private func settle() async throws {
        switch event {
        case .stepDown:
            // Whoever stepped down leaves the lease to others for a TTL: one of two followers at most is to do so.
            try await age(Self.ttl / 2)
        case .sigkill:
            try await age(Self.ttl)
        case .sigstop, .partition:
            try await calm()
        case .sigterm, .sigkillTTL, .redisEmptied:
            break
        }
        try await Task.sleep(for: .milliseconds(Int.random(in: 300..<1300)))
    }

    /// Waits until the leader and the newest follower are so old, in seconds.
    private func age(_ age: Double) async throws {
        let term = try await term()
        let since = max(term.electedAt, startedAt)
        let left = age - (Witness.now - since)
        if left > 0 { try await Task.sleep(for: .seconds(left)) }
    }

    /// Waits until nothing is written any more.
    private func calm() async throws {
        var seen = -1
        while witness.sight.accepted != seen {
            seen = witness.sight.accepted
            try await Task.sleep(for: .milliseconds(400))
        }
    }

    /// The newest, once it writes.
    private func term() async throws -> Witness.Term {
        try await witness.wait(for: "leader") { sight in sight.terms.last.flatMap { $0.syncedAt == nil ? nil : $0 } }
    }

    // MARK: Replicas

    private var startedAt = Witness.now

    private func start(_ name: String) async throws {
        var environment: [String: String?] = [:]
        if event == .sigkillTTL { environment["BATON_LEASE_CRASH_DETECTION"] = "ttl" }
        if event == .partition {
            let relay = try relays[name] ?? Relay(to: stage.redis.port)
            relays[name] = relay
            environment["BATON_REDIS_MAIN_URL"] = stage.redis.url(port: relay.port)
        }
        let replica = try await stage.startReplica(name, environment: environment)
        if replicas.isEmpty {
            try await replica.line("elected")
        } else {
            try await replica.line("following")
        }
        replicas.append(replica)
        startedAt = Witness.now
    }

    private func replica(_ name: String) throws -> ReplicaProcess {
        guard let replica = replicas.first(where: { $0.name == name }) else {
            throw Shell.Failed(description: "there is no replica '\(name)'")
        }
        return replica
    }
}
