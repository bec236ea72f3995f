import Drills
import Testing

@testable import Faults

@Suite("The checker, on made-up histories")
struct CheckerTests {
    /// Two terms after one another, as they should be.
    private static let sound: [History.Event] = [
        .started(replica: "a"), .started(replica: "b"),
        elected(10, "a"), said("a", "elected"), write(10, 1), write(10, 2), .redis(.renewed),
        .fault("killed a"), .ended(replica: "a", how: "signal 9"),
        elected(20, "b"), said("b", "elected"), write(10, 3, .refused), write(20, 1), write(20, 2, .refused),
    ]

    private static func elected(_ epoch: UInt64, _ holder: String) -> History.Event {
        .redis(.elected(.init(epoch: epoch, token: "token-\(epoch)", holder: holder)))
    }

    private static func write(
        _ epoch: UInt64, _ sequence: Int64, _ outcome: RedisEvent.Write.Outcome = .accepted
    ) -> History.Event {
        .redis(.write(.init(epoch: epoch, token: "token-\(epoch)", sequence: sequence, outcome: outcome)))
    }

    private static func said(_ replica: String, _ message: String, epoch: UInt64? = nil, because reason: String? = nil)
        -> History.Event
    {
        var metadata: [String: String] = [:]
        metadata["epoch"] = epoch.map { "\($0)" }
        metadata["reason"] = reason
        return .log(replica: replica, LogLine(message: message, metadata: metadata))
    }

    /// One event a second.
    private static func check(_ events: [History.Event]) -> Verdict {
        Checker.check(
            History(entries: events.enumerated().map { History.Entry(at: .seconds($0.offset), event: $0.element) }))
    }

    @Test("A history without a flaw has terms, a gap, and no violation")
    func soundHistory() {
        let verdict = Self.check(Self.sound)
        #expect(verdict.violations == [])
        #expect(verdict.terms.map(\.epoch) == [10, 20])
        #expect(verdict.terms.map(\.holder) == ["a", "b"])
        #expect(verdict.terms.map(\.writesAccepted) == [2, 1])
        #expect(verdict.terms.map(\.reason) == ["signal 9", nil])
        #expect(verdict.terms[0].from == .seconds(2))
        #expect(verdict.terms[0].until == .seconds(8))
        #expect(verdict.longestGap == .seconds(1))
        #expect(verdict.staleWritesRefused == 1)
        #expect(verdict.terms[0].staleWritesRefused == 1)
        #expect(verdict.writesOutOfTurn == 1)
        #expect(verdict.overlaps == [])
        #expect(verdict.faults == 1)
    }

    @Test(
        "Each broken promise is found, and only that one",
        arguments: [
            ([write(10, 3)], Violation.Rule.staleWrite),
            ([.redis(.resigned), write(20, 2)], .writeAfterResigning),
            ([write(30, 1)], .writeOfNoTerm),
            ([.redis(.unfenced(command: "SET", key: "k:1", client: "127.0.0.1:5"))], .unfencedWrite),
            ([elected(15, "c")], .epochNotHigher),
            ([.redisResumed(epoch: 0), elected(20, "c")], nil),
            ([.redisResumed(epoch: 0), elected(12, "c")], .epochNotHigher),
        ])
    func violations(_ events: [History.Event], _ rule: Violation.Rule?) {
        let verdict = Self.check(Self.sound + events)
        #expect(verdict.violations.map(\.rule) == (rule.map { [$0] } ?? []))
        if let rule { #expect(verdict.report().contains("VIOLATED\n  14.000 s \(rule.rawValue)") || events.count > 1) }
    }

    @Test("What Redis has forgotten cannot be violated: the newest term that it knows may write")
    func olderData() {
        #expect(Self.check(Self.sound + [.redisResumed(epoch: 10), Self.write(10, 3)]).violations == [])
        #expect(Self.check(Self.sound + [.redisResumed(epoch: 20), Self.write(10, 3)]).violations.count == 1)
    }

    @Test("A leader that resigns, and one that is deposed without noticing, whose belief is reported")
    func endings() {
        let verdict = Self.check([
            Self.elected(1, "a"), Self.said("a", "elected"), .redis(.resigned),
            .redis(.noted(event: "resigned", epoch: 1, reason: "shutdown")),
            Self.said("a", "leadership ended", epoch: 1, because: "shutdown"),
            Self.elected(2, "b"), Self.said("b", "elected"), .redis(.renewed),
            Self.elected(3, "a"), Self.said("a", "elected"),
            Self.said("b", "leadership lost", epoch: 2, because: "taken-over"),
        ])
        #expect(verdict.violations == [])
        #expect(verdict.terms.map(\.gap) == [nil, .seconds(3), .seconds(1)])
        #expect(verdict.terms.map(\.reason) == ["shutdown", "taken-over", nil])
        #expect(verdict.overlaps == [.init(replicas: ["a", "b"], at: .seconds(9), length: .seconds(1))])
    }

    @Test("The report is a table")
    func report() {
        #expect(
            Self.check(Self.sound).report() == """
                  epoch  holder  from     until     gap      writes  refused after  ended because
                  10     a       2.000 s  8.000 s   –        2       1              signal 9
                  20     b       9.000 s  12.000 s  1.000 s  1       0              –

                  faults                          1
                  terms                           2
                  longest time without a leader   1.000 s
                  two believed to lead            never
                  writes accepted                 3
                  stale writes refused            1
                  writes out of turn refused      1
                  stale write accepted            0
                  write accepted after resigning  0
                  write of no term accepted       0
                  write outside any term          0
                  epoch not higher                0
                """)
        #expect(Self.check(Self.sound).report(newest: 1).hasPrefix("… 1 earlier terms\n"))
    }
}
