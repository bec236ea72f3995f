import Testing

@testable import CacheRefresh

@Suite("Marks")
struct MarkTests {
    @Test(
        "are written and read back",
        arguments: [
            Mark(horizon: 7, server: "7412/app/1", fingerprint: "00ff"),
            Mark(horizon: .max, server: "7412/my odd %20 database/1", fingerprint: "00ff"),
            Mark(horizon: 0, server: "", fingerprint: ""),
        ])
    func roundTrip(mark: Mark) {
        #expect(Mark("\(mark)") == mark)
    }

    @Test(
        "of other formats say nothing",
        arguments: ["", "x", "1 2 3", "2 7 server print", "1 x server print", "1 -1 s p"])
    func foreign(text: String) {
        #expect(Mark(text) == nil)
    }

    @Test("may have more fields some day")
    func extended() {
        #expect(Mark("1 7 server print more") == Mark(horizon: 7, server: "server", fingerprint: "print"))
    }

    private func mark(_ horizon: UInt64) -> Mark { Mark(horizon: horizon, server: "s", fingerprint: "f") }

    @Test("wait for the repetitions that were queued before them")
    func waits() {
        var keeper = MarkKeeper()
        #expect(keeper.due(done: 0, at: .zero) == nil)
        keeper.passed(mark(1), repetition: 3)
        #expect(keeper.due(done: 2, at: .zero) == nil)
        #expect(keeper.due(done: 3, at: .zero) == mark(1))
        #expect(keeper.due(done: 3, at: .zero) == nil)
    }

    @Test("are not starved by passes that keep finding changes")
    func steady() {
        var keeper = MarkKeeper()
        var written: [UInt64] = []
        for second in 1...20 {
            keeper.passed(mark(UInt64(second)), repetition: UInt64(second))
            if let due = keeper.due(done: UInt64(max(0, second - 2)), at: .seconds(second)) {
                #expect(due.horizon <= UInt64(max(0, second - 2)))
                written.append(due.horizon)
            }
        }
        #expect(written.count >= 6)
        #expect(written == written.sorted())
    }

    @Test("that are only out of date are moved on once a minute")
    func idle() {
        var keeper = MarkKeeper()
        var written: [UInt64] = []
        for second in 1...200 {
            keeper.passed(mark(UInt64(second)), repetition: 5)
            if let due = keeper.due(done: 5, at: .seconds(second)) { written.append(due.horizon) }
        }
        #expect(written.count == 4)
        #expect(written.last! >= 178)
    }

    @Test("tell how far nobody need look back, written or not")
    func reached() {
        var keeper = MarkKeeper()
        for second in 1...10 {
            keeper.passed(mark(UInt64(second)), repetition: 0)
            _ = keeper.due(done: 0, at: .seconds(second))
            #expect(keeper.reached == mark(UInt64(second)))
        }
        // With repetitions it lags behind, by no more than twice their delay.
        for second in 11...100 {
            keeper.passed(mark(UInt64(second)), repetition: UInt64(second))
            _ = keeper.due(done: UInt64(second - 5), at: .seconds(second))
            #expect((second - 11...second - 5).contains(Int(keeper.reached?.horizon ?? 0)) || second < 22)
        }
    }

    @Test("that were lost are written again")
    func lost() {
        var keeper = MarkKeeper()
        keeper.passed(mark(1), repetition: 0)
        #expect(keeper.due(done: 0, at: .zero) == mark(1))
        keeper.lost()
        #expect(keeper.due(done: 0, at: .zero) == mark(1))
        keeper.lost()
        keeper.passed(mark(2), repetition: 0)
        #expect(keeper.due(done: 0, at: .zero) != nil)
    }
}
