import Testing

@testable import CacheRefresh

@Suite("Histories of servers")
struct HistoryTests {
    @Test(
        "Positions of the log are read and written as PostgreSQL does",
        arguments: [("0/0", 0), ("0/3CCA1C0", 0x3CC_A1C0), ("16/B374D848", 0x16_B374_D848)] as [(String, UInt64)])
    func positions(text: String, bytes: UInt64) {
        #expect(WALPosition(text)?.bytes == bytes)
        #expect("\(WALPosition(bytes: bytes))" == text)
    }

    @Test("Other texts are no position", arguments: ["", "/", "1", "1/", "/1", "1/2/3", "x/1", "1/100000000", "-1/1"])
    func noPosition(text: String) {
        #expect(WALPosition(text) == nil)
    }

    // MARK: The gate

    @Test("The gate is shut only for the same server at the same position, which a crash can't take back")
    func gate() {
        let earlier = Fixture.snapshot()
        #expect(earlier.showsNothingNew(since: earlier))
        for other in [
            Fixture.history(at: 1001), Fixture.history(at: 999), Fixture.history(start: 1),
            Fixture.history(timeline: 2), Fixture.history(isStandby: true),
        ] {
            #expect(!Fixture.snapshot(other).showsNothingNew(since: earlier), "\(other)")
        }
        var now = earlier
        now.isQuiet = false
        #expect(!now.showsNothingNew(since: earlier) && !earlier.showsNothingNew(since: now))
        var volatile = earlier
        volatile.durable = WALPosition(bytes: 999)
        #expect(!earlier.showsNothingNew(since: volatile))
        #expect(volatile.showsNothingNew(since: earlier), "what was read then was safe then")
    }

    @Test("A snapshot is noted at the position before it, if the same server told that")
    func noted() {
        let before = Fixture.snapshot(Fixture.history(at: 900))
        let inside = Fixture.snapshot(Fixture.history(at: 1000))
        #expect(inside.noted(at: before).history == before.history)
        #expect(inside.noted(at: before).durable == inside.durable)
        #expect(inside.noted(at: before).isQuiet)
        for stranger in [Fixture.history(start: 1, at: 900), Fixture.history(at: 1001)] {
            #expect(!inside.noted(at: Fixture.snapshot(stranger)).isQuiet)
        }
    }

    // MARK: The watch

    /// What follows on a primary that was read at position 1000, and what that means.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let snapshot: Snapshot
        let verdict: HistoryWatch.Verdict

        init(_ name: String, _ history: ServerHistory, startedFrom: UInt64? = nil, _ verdict: HistoryWatch.Verdict) {
            testDescription = name
            var snapshot = Fixture.snapshot(history)
            snapshot.startedFrom = startedFrom.map(WALPosition.init(bytes:))
            self.snapshot = snapshot
            self.verdict = verdict
        }
    }

    static let cases = [
        Case("itself", Fixture.history(), .continues),
        Case("itself, later", Fixture.history(at: 2000), .continues),
        Case("itself after a crash that took something back", Fixture.history(at: 999), .another),
        Case("restarted in order", Fixture.history(start: 2, at: 1100), startedFrom: 1000, .continues),
        Case("restarted, from before", Fixture.history(start: 2, at: 1100), startedFrom: 999, .another),
        Case("restarted after a crash", Fixture.history(start: 2, at: 1100), .another),
        Case("restored from files", Fixture.history(start: 2, at: 900), startedFrom: 800, .lags(bytes: 100)),
        Case("promoted", Fixture.history(start: 2, timeline: 2), .another),
        Case("promoted, at an earlier position", Fixture.history(start: 2, timeline: 2, at: 900), .another),
        Case("its standby", Fixture.history(start: 2, isStandby: true), .continues),
        Case("its standby, which lags", Fixture.history(start: 2, isStandby: true, at: 990), .lags(bytes: 10)),
    ]

    @Test("A server goes on, lags, or has another history", arguments: cases)
    func watch(_ test: Case) {
        var watch = HistoryWatch(reached: Fixture.history())
        #expect(watch.judge(test.snapshot, at: .zero) == test.verdict)
        if case .lags = test.verdict { #expect(watch.reached == Fixture.history()) }
        if case .another = test.verdict { #expect(watch.reached == test.snapshot.history) }
    }

    @Test("A primary of an earlier timeline lags, and other databases and servers have histories of their own")
    func others() {
        var promoted = HistoryWatch(reached: Fixture.history(start: 2, timeline: 2))
        #expect(promoted.judge(Fixture.snapshot(Fixture.history(at: 9000)), at: .zero) == .lags(bytes: nil))
        for change in [{ $0.system = "1" }, { $0.database = "b" }] as [(inout ServerHistory) -> Void] {
            var history = Fixture.history()
            change(&history)
            var watch = HistoryWatch(reached: Fixture.history())
            #expect(watch.judge(Fixture.snapshot(history), at: .zero) == .another)
        }
        var watch = HistoryWatch()
        #expect(watch.judge(Fixture.snapshot(), at: .zero) == .continues)
        #expect(watch.reached == Fixture.history())
    }

    @Test("A primary and its standby may answer by turns; each promotion is noticed")
    func turns() {
        var watch = HistoryWatch(reached: Fixture.history())
        for position in stride(from: 1000 as UInt64, to: 2000, by: 100) {
            let primary = Fixture.history(at: position)
            let standby = Fixture.history(start: 2, isStandby: true, at: position + 50)
            #expect(watch.judge(Fixture.snapshot(primary), at: .zero) == .continues)
            #expect(watch.judge(Fixture.snapshot(standby), at: .zero) == .continues)
            #expect(watch.reached == Fixture.history(at: position + 50))
        }
        let promoted = Fixture.history(start: 2, timeline: 2, at: 3000)
        #expect(watch.judge(Fixture.snapshot(promoted), at: .zero) == .another)
        #expect(watch.judge(Fixture.snapshot(promoted), at: .zero) == .continues)
    }

    @Test("A server that lags is waited for, 30 s at most each time")
    func patience() {
        var watch = HistoryWatch(reached: Fixture.history())
        let late = Fixture.snapshot(Fixture.history(start: 2, isStandby: true, at: 900))
        #expect(watch.judge(late, at: .seconds(100)) == .lags(bytes: 100))
        #expect(watch.judge(late, at: .seconds(129)) == .lags(bytes: 100))
        #expect(watch.reached == Fixture.history())
        #expect(watch.judge(Fixture.snapshot(), at: .seconds(130)) == .continues)
        #expect(watch.judge(late, at: .seconds(131)) == .lags(bytes: 100), "waiting begins anew")
        #expect(watch.judge(late, at: .seconds(161)) == .another)
        #expect(watch.reached == late.history)
        #expect(watch.judge(late, at: .seconds(162)) == .continues)
    }
}
