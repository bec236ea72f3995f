import Testing

@testable import CacheRefresh

@Suite("Repetition queue")
struct RepetitionQueueTests {
    @Test("hands things out in order, two seconds later, and counts them")
    func order() {
        var queue = RepetitionQueue()
        #expect(queue.nextDue == nil)
        queue.append(.row(1), at: .seconds(10))
        queue.append(.key([7]), at: .seconds(11))
        #expect(queue.nextDue == .seconds(12))
        #expect(queue.popDue(at: .milliseconds(11_999)) == nil)
        #expect((queue.queued, queue.taken) == (2, 0))
        #expect(queue.popDue(at: .seconds(12)) == .row(1))
        #expect(queue.popDue(at: .seconds(12)) == nil)
        #expect((queue.queued, queue.taken) == (2, 1))
        #expect(queue.popDue(at: .seconds(13)) == .key([7]))
        #expect(queue.isEmpty && queue.taken == 2)
    }

    @Test("stays in order while it is emptied and refilled")
    func long() {
        var queue = RepetitionQueue()
        var next: UInt32 = 0
        for number in 0..<10_000 as Range<UInt32> {
            queue.append(.row(number), at: .milliseconds(Int(number)))
            while let subject = queue.popDue(at: .milliseconds(Int(number))) {
                #expect(subject == .row(next))
                next += 1
            }
            #expect(queue.taken == UInt64(next))
        }
        #expect(next == 8000)
    }
}
