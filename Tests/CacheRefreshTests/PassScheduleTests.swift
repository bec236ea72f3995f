import Testing

@testable import CacheRefresh

@Suite("Pass schedule")
struct PassScheduleTests {
    @Test(
        "ticks come at the interval from tick to tick, and at once after a pass that took longer",
        arguments: [(0, 1000), (300, 700), (1000, 0), (2500, 0)])
    func interval(passTook: Int, wait: Int) {
        var schedule = PassSchedule(every: .seconds(1))
        #expect(schedule.began(at: .seconds(10)) == nil)
        #expect(schedule.succeeded(at: .seconds(10) + .milliseconds(passTook)) == .milliseconds(wait))
        #expect(schedule.began(at: .seconds(12)) == .seconds(2))
    }

    @Test("failures back off, with chance in it, up to half a minute or the interval", arguments: [1, 10, 120])
    func backoff(seconds: Int) {
        var random = SeededGenerator(seed: 1)
        var schedule = PassSchedule(every: .seconds(seconds))
        _ = schedule.began(at: .zero)
        var longest = Duration.seconds(seconds)
        for failure in 1...40 {
            let wait = schedule.failed(using: &random)
            #expect(wait >= longest / 2 && wait <= longest)
            #expect(schedule.consecutiveFailures == failure)
            longest = min(longest * 2, max(.seconds(seconds), PassSchedule.longestBackoff))
        }
        #expect(schedule.succeeded(at: .zero) == .seconds(seconds))
        #expect(schedule.consecutiveFailures == 0)
    }

    @Test("failing datasets do not all try again at one time")
    func jitter() {
        var random = SeededGenerator(seed: 2)
        let waits = (0..<100).map { _ in
            var schedule = PassSchedule(every: .seconds(1))
            return schedule.failed(using: &random)
        }
        #expect(Set(waits).count > 90)
    }
}
