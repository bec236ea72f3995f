import Drills
import Foundation
import LocalStack
import Testing

@Suite("Three replicas, as processes", .serialized)
struct ReplicaTests {
    static let schema = """
        create table merchants (id int primary key, name text);
        insert into merchants select i, 'name ' || i from generate_series(1, 100) i
        """
    static let datasets = """
        version: 1
        defaults: { every: 200ms }
        datasets:
          merchants: { table: merchants, key: "merchant:{id}" }
        """

    private func withThree(_ body: (Cluster, ReplicaProcess) async throws -> Void) async throws {
        try await Cluster.with(sql: Self.schema, datasets: Self.datasets) { cluster in
            for name in ["a", "b", "c"] { try await cluster.start(name) }
            try await eventually("a leader") { try await cluster.leader() != nil }
            try await eventually("the first pass") { try await cluster.command("EXISTS", "merchant:100") == "1" }
            let leader = try #require(try await cluster.leader())
            try await body(cluster, leader)
        }
    }

    /// Whether a change in the database reaches the cache, which takes a leader.
    private func expectFresh(_ cluster: Cluster, _ name: String) async throws {
        _ = try await cluster.postgres.run(sql: "update merchants set name = '\(name)' where id = 1", database: "app")
        try await eventually("the change in the cache") {
            try await cluster.command("GET", "merchant:1").contains("\"\(name)\"")
        }
    }

    /// Waits until all others know of a replica: each learns who is there when it says that it is.
    private func waitUntilAllKnow(_ newcomer: ReplicaProcess, _ cluster: Cluster) async throws {
        let others = cluster.replicas.values.filter { $0.process.isRunning && $0.name != newcomer.name }.map(\.name)
        var arrival: Int64?
        try await eventually("all to know of \(newcomer.name)") {
            let seen = try await cluster.seenMilliseconds()
            arrival = arrival ?? seen[newcomer.name]
            guard let arrival else { return false }
            return others.allSatisfy { seen[$0] ?? 0 > arrival }
        }
    }

    @Test("A leader that is told to end hands over at once, and exits 0")
    func terminated() async throws {
        try await withThree { cluster, leader in
            try leader.process.signal(SIGTERM)
            try await eventually("a successor", within: .seconds(10)) {
                guard let successor = try await cluster.leader() else { return false }
                return successor.name != leader.name
            }
            #expect(await leader.ended(within: .seconds(20)) == .exited(0))
            #expect(try await cluster.events().contains("shutdown"))
            try await expectFresh(cluster, "after SIGTERM")
        }
    }

    @Test("A leader that is killed is replaced before its lease has run out")
    func killed() async throws {
        try await withThree { cluster, leader in
            for follower in cluster.replicas.values where follower.name != leader.name {
                try await follower.line("following")
            }
            // A term younger than a TTL is left alone, and a connection younger than that proves nothing.
            try await Task.sleep(for: .seconds(4))
            try leader.process.signal(SIGKILL)
            try await eventually("a successor") {
                guard let successor = try await cluster.leader() else { return false }
                return successor.name != leader.name
            }
            // It says so only of a lease that has not run out.
            #expect(try await cluster.events().contains("leader-silent"))
            try await expectFresh(cluster, "after SIGKILL")
        }
    }

    @Test("Without crash detection, a leader that is killed is replaced when its lease has run out")
    func killedWithoutCrashDetection() async throws {
        try await Cluster.with(sql: Self.schema, datasets: Self.datasets) { cluster in
            let environment = ["BATON_LEASE_CRASH_DETECTION": "ttl"]
            for name in ["a", "b"] { try await cluster.start(name, environment: environment) }
            try await eventually("a leader") { try await cluster.leader() != nil }
            let leader = try #require(try await cluster.leader())
            try leader.process.signal(SIGKILL)
            try await eventually("a successor", within: .seconds(15)) {
                guard let successor = try await cluster.leader() else { return false }
                return successor.name != leader.name
            }
            #expect(try await !cluster.events().contains("leader-silent"))
        }
    }

    @Test(
        "A rolling update of five replicas, the leader first or last, changes the leader at most twice",
        arguments: [true, false])
    func rollingUpdateOfFive(leaderFirst: Bool) async throws {
        try await Cluster.with(sql: Self.schema, datasets: Self.datasets) { cluster in
            try cluster.write(
                datasets: Self.datasets + "\n  names: { table: merchants, key: \"name:{id}\" }\n", revision: "second")
            // Nobody waits for the lease to run out, so a long one costs no time, and a slow renewal loses none.
            let environment = ["BATON_LEASE_TTL": "30s", "BATON_LEASE_RENEW_TIMEOUT": "5s"]
            for number in 1...5 { try await cluster.start("old-\(number)", environment: environment) }
            try await eventually("a leader") { try await cluster.leader() != nil }
            let first = try #require(try await cluster.leader())
            var old = cluster.replicas.values.filter { $0.name != first.name }.sorted { $0.name < $1.name }
            old.insert(first, at: leaderFirst ? 0 : old.count)
            // As Kubernetes does it: one comes, then one goes.
            for (number, replica) in old.enumerated() {
                let new = try await cluster.start(
                    "new-\(number + 1)", revision: "second", environment: environment)
                try await new.firstLine("its place") { ["following", "elected"].contains($0.message) }
                try await waitUntilAllKnow(new, cluster)
                try replica.process.signal(SIGTERM)
                #expect(await replica.ended(within: .seconds(20)) == .exited(0))
            }
            try await eventually("one of the new ones to lead") {
                try await cluster.leader()?.name.hasPrefix("new") == true
            }
            let elections = try await cluster.events().components(separatedBy: "\nelected\n").count - 1
            #expect((2...3).contains(elections), "the first one, and at most two changes: \(elections)")
            try await expectFresh(cluster, "updated")
        }
    }

    @Test("A leader that was frozen finds itself deposed, and writes nothing any more")
    func frozen() async throws {
        try await withThree { cluster, leader in
            try leader.process.signal(SIGSTOP)
            try await eventually("a successor", within: .seconds(15)) {
                guard let successor = try await cluster.leader() else { return false }
                return successor.name != leader.name
            }
            try await expectFresh(cluster, "while it slept")
            try leader.process.signal(SIGCONT)
            try await leader.firstLine("the end of its term") { $0.epoch != nil && $0.reason != nil }
            try await expectFresh(cluster, "after it woke")
            #expect(leader.process.isRunning)
            #expect(try await cluster.leader()?.name != leader.name)
        }
    }

    @Test(
        "A leader's wall clock that is set by a year, forth and back, changes nothing",
        .enabled(if: getenv("LD_PRELOAD") == nil, "no library can be loaded beside another one"))
    func wallClockStep() async throws {
        try await Cluster.with(sql: Self.schema, datasets: Self.datasets) { cluster in
            let clock = NSTemporaryDirectory() + "baton-clock-\(UUID().uuidString)"
            let year = 31_536_000
            func set(by seconds: Int) throws {
                try "\(seconds)".write(toFile: clock, atomically: true, encoding: .utf8)
            }
            try set(by: 0)
            defer { try? FileManager.default.removeItem(atPath: clock) }
            let library = URL(fileURLWithPath: ReplicaProcess.program).deletingLastPathComponent()
                .appendingPathComponent("libSteppedClock.so").path
            let stepped = try await cluster.start(
                "stepped",
                environment: ["LD_PRELOAD": library, "STEPPED_CLOCK": clock, "BATON_HTTP_LISTEN": "127.0.0.1:0"])
            let probe = try await Probe(stepped)
            try await eventually("it leads") { try await cluster.leader()?.name == "stepped" }
            try await cluster.start("other")
            for (number, offset) in [year, -year, 0].enumerated() {
                try set(by: offset)
                try await expectFresh(cluster, "step \(number)")
                try await Task.sleep(for: .seconds(4))
                try await expectFresh(cluster, "after step \(number)")
            }
            for sign in [1, -1] {
                let year = Calendar(identifier: .gregorian).component(.year, from: Date()) + sign
                #expect(stepped.log.contains { $0.text.contains("\(year)-") }, "the clock was not set at all")
            }
            #expect(try await cluster.leader()?.name == "stepped")
            #expect(try await cluster.events().components(separatedBy: "\nelected\n").count == 2, "elected once")
            #expect(await probe.status("/healthz") == 200, "all of its threads still look at the time that passes")
        }
    }

    @Test("SIGHUP exchanges the datasets; a file with mistakes changes nothing and says so")
    func reload() async throws {
        try await withThree { cluster, leader in
            try cluster.write(datasets: Self.datasets.replacing("merchant:{id}", with: "merchant:{oops"))
            try leader.process.signal(SIGHUP)
            try await leader.line("configuration not reloaded")
            try await expectFresh(cluster, "as before")
            try cluster.write(datasets: Self.datasets + "\n  names: { table: merchants, key: \"name:{id}\" }\n")
            try leader.process.signal(SIGHUP)
            try await eventually("the new dataset") { try await cluster.command("EXISTS", "name:100") == "1" }
        }
    }

    @Test("Replicas wait for PostgreSQL and for Redis, and go on when they are back")
    func serversAway() async throws {
        try await withThree { cluster, _ in
            await cluster.postgres.stop()
            await cluster.redis.kill()
            try await cluster.redis.restart()
            try await cluster.postgres.restart()
            try await eventually("the cache to be filled again", within: .seconds(30)) {
                try await cluster.command("EXISTS", "merchant:100") == "1"
            }
            try await expectFresh(cluster, "all back")
        }
    }

    @Test("A replica ends within 5 seconds while PostgreSQL hangs")
    func hangingPostgres() async throws {
        try await withThree { cluster, leader in
            _ = try await cluster.postgres.run(sql: "update merchants set name = 'x' where id = 2", database: "app")
            try cluster.postgres.signalAll(SIGSTOP)
            let status: ChildProcess.ExitStatus?
            do {
                try leader.process.signal(SIGTERM)
                status = await leader.ended(within: .seconds(5))
                try cluster.postgres.signalAll(SIGCONT)
            }
            #expect(status == .exited(0))
        }
    }

    @Test("A replica ends within 5 seconds in the middle of a pass over a million rows")
    func endsDuringALargePass() async throws {
        let datasets = """
            version: 1
            datasets:
              many:
                query: select i as id, repeat(md5(i::text), 8) as text from generate_series(1, 1000000) i
                identity: [id]
                key: "many:{id}"
            """
        try await Cluster.with(sql: "", datasets: datasets) { cluster in
            let replica = try await cluster.start("a")
            try await eventually("the pass to be under way") {
                try await cluster.command("EXISTS", "many:2000") == "1"
            }
            try replica.process.signal(SIGTERM)
            #expect(await replica.ended(within: .seconds(5)) == .exited(0))
            #expect(try await cluster.command("EXISTS", "many:1000000") == "0", "it had ended before it was told to")
            #expect(try await cluster.leader() == nil)
        }
    }

    @Test("Two revisions of the datasets side by side do not refuse each other, whoever leads")
    func rollingUpdate() async throws {
        try await Cluster.with(sql: Self.schema, datasets: Self.datasets) { cluster in
            try cluster.write(
                datasets: Self.datasets + "\n  names: { table: merchants, key: \"name:{id}\" }\n", revision: "second")
            let old = try await cluster.start("old")
            try await eventually("the old revision's keys") {
                try await cluster.command("EXISTS", "merchant:100") == "1"
            }
            let new = try await cluster.start("new", revision: "second")
            try await new.line("following")
            try old.process.signal(SIGTERM)
            try await eventually("the new revision's keys") { try await cluster.command("EXISTS", "name:100") == "1" }
            let oldAgain = try await cluster.start("old-again")
            try await oldAgain.line("following")
            try new.process.signal(SIGTERM)
            try await eventually("the old revision to lead") { try await cluster.leader()?.name == "old-again" }
            try await expectFresh(cluster, "rolled back")
            for replica in [new, oldAgain] {
                let refusals = replica.log.filter { ["error", "critical"].contains($0.level) }
                #expect(refusals == [])
            }
        }
    }

    @Test("A follower holds no connection to PostgreSQL, a leader no more than it may")
    func connections() async throws {
        try await Cluster.with(sql: Self.schema, datasets: Self.datasets) { cluster in
            // A user for each, by whom its connections are known.
            for name in ["a", "b", "c"] {
                _ = try await cluster.postgres.run(
                    sql: "create role \(name) login; grant select on merchants to \(name)", database: "app")
                try await cluster.start(
                    name, environment: ["BATON_POSTGRES_URL": cluster.postgres.url(database: "app", user: name)])
            }
            try await expectFresh(cluster, "before")
            let leader = try #require(try await cluster.leader()).name
            /// How many connections each has.
            func open() async throws -> [String: Int] {
                let lines = try await cluster.postgres.run(
                    sql:
                        "select usename || ':' || count(*) from pg_stat_activity where usename in ('a', 'b', 'c') group by usename",
                    database: "app")
                let pairs = lines.matches(of: /([abc]):([0-9]+)/).map { (String($0.1), Int($0.2) ?? 0) }
                return Dictionary(uniqueKeysWithValues: pairs)
            }
            // At the start each asks who the server is, before it follows.
            for name in ["a", "b", "c"] where name != leader {
                try await cluster.replicas[name]?.line("following")
            }
            try await eventually("the followers to have let go") { try await open().keys.elementsEqual([leader]) }
            var most = 0
            for _ in 0..<40 {
                let found = try await open()
                #expect(Set(found.keys).isSubset(of: [leader]))
                most = max(most, found[leader] ?? 0)
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect((1...2).contains(most))
        }
    }
}
