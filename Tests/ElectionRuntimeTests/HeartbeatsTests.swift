import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState

@Suite("Heartbeats")
struct HeartbeatsTests {
    private let origin = ContinuousClock.now
    private var heartbeats: Heartbeats

    init() { heartbeats = Heartbeats(of: ["a", "b"], patience: .seconds(10), at: origin) }

    private func after(_ milliseconds: Int) -> ContinuousClock.Instant { origin + .milliseconds(milliseconds) }

    @Test("a loop is asked again only when it has answered")
    mutating func oneQuestionAtATime() {
        #expect(heartbeats.tick(at: after(100)).ask == [0, 1])
        #expect(heartbeats.answered(1, at: after(101)) == nil)
        #expect(heartbeats.tick(at: after(200)).ask == [1])
        #expect(heartbeats.tick(at: after(300)).ask == [])
    }

    @Test("ages count from the last answer, or from the beginning")
    mutating func ages() {
        _ = heartbeats.tick(at: after(100))
        _ = heartbeats.answered(0, at: after(130))
        #expect(heartbeats.ages(at: after(150)).map(\.name) == ["a", "b"])
        #expect(heartbeats.ages(at: after(150)).map(\.age) == [.milliseconds(20), .milliseconds(150)])
    }

    @Test("a loop hangs when the patience is over, which is told once, and so is its answer")
    mutating func hanging() {
        _ = heartbeats.tick(at: after(100))
        _ = heartbeats.answered(0, at: after(101))
        #expect(heartbeats.tick(at: after(10_100)).changes == [])
        #expect(heartbeats.hanging(at: after(10_100)) == [])
        #expect(heartbeats.hanging(at: after(10_101)) == ["b"])
        #expect(heartbeats.tick(at: after(10_200)).changes == [.hangs("b")])
        #expect(heartbeats.tick(at: after(10_200)).changes == [])
        #expect(heartbeats.answered(1, at: after(12_000)) == .answersAgain("b", after: .seconds(12)))
        #expect(heartbeats.hanging(at: after(12_000)) == [])
    }

    @Test("a process that was frozen finds nobody hanging when it goes on")
    mutating func frozen() {
        _ = heartbeats.tick(at: after(100))
        _ = heartbeats.answered(0, at: after(101))
        _ = heartbeats.answered(1, at: after(101))
        #expect(heartbeats.hanging(at: after(60_000)) == [])
        #expect(heartbeats.tick(at: after(60_000)).changes == [])
        #expect(heartbeats.hanging(at: after(60_000)) == [])
    }
}
