import Testing

@testable import CacheRefresh

@Suite("Repetition queue")
struct RepetitionQueueTests {
    @Test("hands things out in order, after each delay, and counts what it handed out for the last time")
    func order() {
        var queue = RepetitionQueue(delays: [.seconds(2), .seconds(30)])
        #expect(queue.nextDue == nil)
        queue.append(.row(1), at: .seconds(10))
        queue.append(.key([7]), at: .seconds(11))
        #expect(queue.nextDue == .seconds(12))
        #expect(queue.popDue(at: .milliseconds(11_999)) == nil)
        #expect(queue.popDue(at: .seconds(12)) == .row(1))
        #expect(queue.popDue(at: .seconds(12)) == nil)
        #expect((queue.queued, queue.taken) == (2, 0))
        #expect(queue.popDue(at: .seconds(20)) == .key([7]))
        #expect(queue.popDue(at: .milliseconds(39_999)) == nil && queue.nextDue == .seconds(40))
        #expect(queue.popDue(at: .seconds(40)) == .row(1))
        #expect((queue.queued, queue.taken) == (2, 1))
        #expect(queue.popDue(at: .milliseconds(40_999)) == nil)
        #expect(queue.popDue(at: .seconds(41)) == .key([7]))
        #expect(queue.isEmpty && queue.taken == 2 && queue.nextDue == nil)
    }

    @Test("repeats nothing without delays, and once with one")
    func fewer() {
        var none = RepetitionQueue(delays: [])
        none.append(.row(1), at: .zero)
        #expect(none.isEmpty && none.popDue(at: .seconds(100)) == nil)
        #expect((none.queued, none.taken) == (1, 1))
        var one = RepetitionQueue(delays: [.seconds(2)])
        one.append(.row(1), at: .zero)
        #expect(one.popDue(at: .seconds(2)) == .row(1))
        #expect(one.isEmpty && one.taken == 1)
    }

    @Test("stays in order while it is emptied and refilled")
    func long() {
        var queue = RepetitionQueue(delays: [.seconds(2), .seconds(3)])
        var next: [UInt32] = [0, 0]
        for number in 0..<10_000 as Range<UInt32> {
            queue.append(.row(number), at: .milliseconds(Int(number)))
            while let subject = queue.popDue(at: .milliseconds(Int(number))) {
                let isLate = subject == .row(next[1]) && next[1] + 3000 == number
                #expect(subject == .row(next[isLate ? 1 : 0]))
                next[isLate ? 1 : 0] += 1
            }
            #expect(queue.taken == UInt64(next[1]))
        }
        #expect(next == [8000, 7000])
    }

    @Test("takes no more memory than it may: the oldest come early, each still as often as it should")
    func bound() {
        var queue = RepetitionQueue(delays: [.seconds(2), .seconds(30)], maximumBytes: 100_000)
        var times: [[UInt8]: Int] = [:]
        var early = 0
        for number in 0..<5000 {
            let key = Array("key \(number)".utf8)
            queue.append(.key(key), at: .zero)
            while case .key(let key)? = queue.popDue(at: .zero) {
                times[key, default: 0] += 1
                early += 1
            }
        }
        #expect(early > 4000)
        while case .key(let key)? = queue.popDue(at: .seconds(30)) { times[key, default: 0] += 1 }
        #expect(times.count == 5000 && times.values.allSatisfy { $0 == 2 })
        #expect(queue.taken == 5000)
    }
}
