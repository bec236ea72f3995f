import JSON
import LeaderElection
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState
@testable import StatusServer

@Suite("Health")
struct HealthTests {
    @Test("is alive before anything is watched, and as long as what is watched answers")
    func liveness() {
        let health = Health([])
        #expect(health.liveness().status == .ok)
        let origin = ContinuousClock.now
        let answers = Mutex<[@Sendable () -> Void]>([])
        let silent = Watchdog.Loop(name: "leaseLoop") { answer in answers.withLock { $0.append(answer) } }
        let prompt = Watchdog.Loop(name: "taskPool") { answer in answer() }
        let watchdog = Watchdog([silent, prompt], logger: ElectionBench.logger("watchdog"), at: origin)
        health.watch(by: watchdog)
        #expect(health.liveness(at: origin).status == .ok)
        watchdog.tick(at: origin)
        watchdog.tick(at: origin + .seconds(10))
        let late = health.liveness(at: origin + .seconds(10))
        #expect(late.status == .ok && late.contentType == "application/json")
        watchdog.tick(at: origin + .milliseconds(10_001))
        let hanging = health.liveness(at: origin + .milliseconds(10_001))
        #expect(hanging.status == .serviceUnavailable)
        #expect(hanging.body.contains(#""leaseLoop": 10001"#) && hanging.body.contains(#""status": "hangs""#))
        #expect(hanging.body.split(separator: "\n").contains { $0 == #"    "leaseLoop""# })
        #expect(answers.withLock { $0.count } == 1, "a loop that hangs is not asked again")
        for answer in answers.withLock({ $0 }) { answer() }
        #expect(health.liveness(at: origin + .milliseconds(10_002)).status == .ok)
    }

    @Test("is not alive when the watchdog itself hangs")
    func watchdogHangs() {
        let health = Health([])
        let origin = ContinuousClock.now
        health.watch(by: Watchdog([], logger: ElectionBench.logger("watchdog"), at: origin))
        #expect(health.liveness(at: origin + .seconds(10)).status == .ok)
        let answer = health.liveness(at: origin + .milliseconds(10_001))
        #expect(answer.status == .serviceUnavailable && answer.body.contains(#""watchdog""#))
    }

    @Test("is ready when both servers have answered, whoever leads", arguments: [ElectionState.follower, .leader])
    func readiness(_ state: ElectionState) {
        let group = GroupHealth("default")
        let health = Health([group])
        let status = Mutex(ElectionStatus(state: state))
        func waitingFor(_ words: String...) -> Bool {
            let answer = health.readiness()
            let isListed = ["postgres", "lease"].allSatisfy {
                answer.body.contains("\"\($0)\"") == words.contains($0)
            }
            return isListed && answer.status == (words.isEmpty ? .ok : .serviceUnavailable)
        }
        #expect(waitingFor("postgres", "lease"))
        group.identifiedPostgres()
        #expect(waitingFor("lease"))
        group.joinedElection { status.withLock { $0 } }
        #expect(waitingFor("lease"))
        status.withLock { $0.hasAnswer = true }
        #expect(waitingFor())
        status.withLock { $0.problem = LeaseError(remedy: .retry, message: "down", detail: "") }
        #expect(waitingFor("lease"))
        status.withLock { $0.problem = nil }
        #expect(waitingFor())
        status.withLock { $0.missing = ["postgres"] }
        #expect(waitingFor("postgres"))
        status.withLock { $0.missing = [] }
        #expect(waitingFor())
    }

    @Test("is ready when each of its groups is, and says which one is not")
    func groups() throws {
        let groups = [GroupHealth("shop"), GroupHealth("bank")]
        let health = Health(groups)
        var ready = ElectionStatus(state: .follower)
        ready.hasAnswer = true
        for group in groups { group.joinedElection { [ready] in ready } }
        groups[0].identifiedPostgres()
        let answer = health.readiness()
        #expect(answer.status == .serviceUnavailable)
        let page = try #require(JSONValue(parsing: answer.body.utf8))
        #expect(page["waitingFor"] == .array([.string(Array("postgres".utf8))]))
        #expect(page["groups"]?["shop"]?["status"]?.string == "ready")
        #expect(page["groups"]?["bank"]?["waitingFor"] == page["waitingFor"])
        groups[1].identifiedPostgres()
        #expect(health.readiness().status == .ok)
    }
}
