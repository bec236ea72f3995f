import CacheRefresh
import Drills
import Testing

@testable import Demo

@Suite struct ScreenTests {
    /// A scene half a minute into a demo.
    private static func scene() -> Scene {
        var scene = Scene(
            place: Place(redisPort: 21234, postgresPort: 15432), replicas: ["replica-1", "replica-2", "replica-3"],
            datasets: [
                ("merchants", true), ("plugin_pay_types", true), ("tenants", true), ("users", false),
                ("appUsers", false),
            ])
        func passed(_ dataset: String, _ rows: Int, _ changed: Int, _ deleted: Int) -> DemoEvent {
            .logged(
                replica: "replica-2",
                LogLine(
                    level: "info", message: "pass finished",
                    metadata: [
                        "dataset": dataset, "rows": "\(rows)", "changed": "\(changed)", "written": "\(changed)",
                        "deleted": "\(deleted)", "milliseconds": "14.2",
                    ]))
        }
        let events: [(Double, DemoEvent)] = [
            (0.1, .replicaStarted(replica: "replica-1", pid: 4101)),
            (0.1, .replicaStarted(replica: "replica-2", pid: 4102)),
            (0.2, .replicaStarted(replica: "replica-3", pid: 4103)),
            (0.4, .leaseSeen(LeaseView(holder: "replica-1", epoch: "1763690000000000"))),
            (1, .replicaSeen(replica: "replica-2", isStopped: false, memory: 31 << 20)),
            (1, .replicaSeen(replica: "replica-3", isStopped: true, memory: 22 << 20)),
            (20, .replicaEnded(replica: "replica-1", ending: "signal 9", restart: .seconds(3))),
            (22.5, .leaseSeen(LeaseView(holder: "replica-2", epoch: "1763690022000000"))),
            (23, passed("merchants", 1_002_000, 1_002_000, 0)), (23.2, passed("plugin_pay_types", 40, 40, 0)),
            (30, .changed("merchant 17: balance +12.50")), (30.4, passed("merchants", 1_002_001, 1, 2)),
            (30.5, .fresh("merchant 17: balance +12.50", after: .milliseconds(480))),
            (
                31,
                .logged(
                    replica: "replica-2",
                    LogLine(
                        level: "error", message: "pass failed",
                        metadata: ["dataset": "tenants", "problem": "relation \"tenants\" does not exist"]))
            ),
        ]
        for (time, event) in events { _ = scene.apply(event, at: .seconds(time)) }
        return scene
    }

    private static func text(width: Int, height: Int) -> String {
        Screen(width: width, height: height).lines(of: scene(), at: .seconds(32)).map(\.text).joined(separator: "\n")
    }

    @Test func fillsEightyColumns() {
        #expect(Self.text(width: 80, height: 34) == Self.wide)
    }

    @Test func fillsFortyColumns() {
        #expect(Self.text(width: 40, height: 40) == Self.narrow)
    }

    @Test(arguments: [40, 41, 71, 72, 80, 132, 300], [5, 8, 16, 24, 60])
    func neverExceedsTheTerminal(width: Int, height: Int) {
        let lines = Screen(width: width, height: height).lines(of: Self.scene(), at: .seconds(32))
        #expect(lines.count <= height)
        #expect(lines.allSatisfy { $0.width <= width })
        #expect(lines.contains { $0.text.hasPrefix("Leader") })
    }

    @Test func stylesCostNoColumns() {
        let line = Screen(width: 80, height: 24).lines(of: Self.scene(), at: .seconds(32))[1]
        #expect(line.rendered(withStyles: false) == line.text)
        #expect(line.rendered(withStyles: true).contains("\u{1B}[32mreplica-2\u{1B}[0m"))
    }

    @Test func countsTakeoversNotTheFirstElection() {
        var scene = Self.scene()
        #expect(scene.handovers == 1)
        #expect(scene.leader?.pid == 4102)
        #expect(scene.apply(.leaseSeen(nil), at: .seconds(33))?.text == "nobody leads")
        #expect(scene.apply(.leaseSeen(nil), at: .seconds(34)) == nil)
    }

    private static let wide = """
        Baton demo: PostgreSQL into Redis, one leader at a time        0:32  Ctrl-C ends
        Leader  replica-2 for 9.5 s, epoch 1763690022000000, 1 takeover so far

        Replica     PID      State
        replica-1   –        ended (signal 9), again in 0.0 s
        replica-2   4102     leader  31 MiB
        replica-3   4103     stopped  22 MiB

        Dataset                rows  changed  written  deleted      ms        when
        merchants         1,002,001        1        1        2      14   1.6 s ago
        plugin_pay_types         40       40       40        0      14   8.8 s ago
        tenants           relation "tenants" does not exist
        Off: users, appUsers (--all switches them on)

        Writer  1 change, last 2.0 s ago: merchant 17: balance +12.50
        Cache   fresh after 480 ms, median 480 ms, longest 480 ms: merchant 17: balance…

        Try, in another terminal
          redis-cli -p 21234 get merchant:1           # a cached row
          psql -h 127.0.0.1 -p 15432 -U postgres app  # change it
          kill -9 4102                                # kill the leader
          kill -STOP 4102                             # let it hang; -CONT wakes it

        Events
         0:00  replica-1  started, pid 4101
         0:00  replica-2  started, pid 4102
         0:00  replica-3  started, pid 4103
         0:00  replica-1  leads, epoch 1763690000000000
         0:01  replica-3  is stopped (SIGSTOP)
         0:20  replica-1  ended: signal 9, starts again in 3.0 s
         0:22  replica-2  leads, epoch 1763690022000000
         0:31  replica-2  pass failed, dataset tenants, problem relation "tenants" does…
        """
    private static let narrow = """
        Baton demo             0:32  Ctrl-C ends
        Leader  replica-2 for 9.5 s
                epoch 1763690022000000

        Replica     PID      State
        replica-1   –        ended (signal 9), …
        replica-2   4102     leader
        replica-3   4103     stopped

        Dataset             rows written     ago
        merchants      1,002,001       1   1.6 s
        plugin_pay_ty…        40      40   8.8 s
        tenants         relation "tenants" does…
        Off: users, appUsers

        Writer  1 change, last 2.0 s ago
                merchant 17: balance +12.50
        Cache   fresh after 480 ms
                merchant 17: balance +12.50

        Try, in another terminal
          redis-cli -p 21234 get merchant:1
          psql -h 127.0.0.1 -p \\
            15432 -U postgres app
          kill -9 4102
          kill -STOP 4102

        Events
         0:00  replica-1 started, pid 4101
         0:00  replica-2 started, pid 4102
         0:00  replica-3 started, pid 4103
         0:00  replica-1 leads, epoch 176369000…
         0:01  replica-3 is stopped (SIGSTOP)
         0:20  replica-1 ended: signal 9, start…
         0:22  replica-2 leads, epoch 176369002…
         0:31  replica-2 pass failed, dataset t…
        """
}
