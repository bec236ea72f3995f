import Testing

@testable import CacheRefresh

@Suite("Brake")
struct BrakeTests {
    private let start = Duration.seconds(50)

    @Test(
        "holds more than half and more than ten",
        arguments: [
            (0, 0, true), (10, 10, true), (11, 11, false), (11, 22, true), (11, 21, false), (500, 1000, true),
            (501, 1000, false),
        ])
    func threshold(deletions: Int, total: Int, isAllowed: Bool) {
        var brake = Brake(confirmAfter: .seconds(600))
        #expect(brake.allows(deletions, of: total, at: start) == isAllowed)
        #expect(brake.isHolding == !isAllowed)
    }

    @Test("lets go when the same result stood long enough")
    func confirmedByTime() {
        var brake = Brake(confirmAfter: .seconds(600))
        #expect(brake.allows(100, of: 100, at: start) == false)
        #expect(brake.allows(100, of: 100, at: start + .seconds(599)) == false)
        #expect(brake.allows(100, of: 100, at: start + .seconds(600)) == true)
        #expect(!brake.isHolding)
    }

    @Test("lets go when an operator confirms, also on a young clock")
    func confirmed() {
        var brake = Brake(confirmAfter: .seconds(600))
        #expect(brake.allows(100, of: 100, at: .zero) == false)
        brake.confirm(at: .seconds(1))
        #expect(brake.isHolding)
        #expect(brake.allows(100, of: 100, at: .seconds(1)) == true)
    }

    @Test("is not released by a confirmation of nothing")
    func confirmedEarly() {
        var brake = Brake(confirmAfter: .seconds(600))
        brake.confirm(at: start)
        #expect(brake.allows(100, of: 100, at: start) == false)
    }

    @Test("begins anew when the rows came back in between")
    func rearmed() {
        var brake = Brake(confirmAfter: .seconds(600))
        #expect(brake.allows(100, of: 100, at: start) == false)
        #expect(brake.allows(0, of: 100, at: start + .seconds(300)) == true)
        #expect(brake.allows(100, of: 100, at: start + .seconds(600)) == false)
        #expect(brake.allows(100, of: 100, at: start + .seconds(1199)) == false)
        #expect(brake.allows(100, of: 100, at: start + .seconds(1200)) == true)
    }

    @Test("begins anew when much more would go than what it held: that is another result")
    func grown() {
        var brake = Brake(confirmAfter: .seconds(600))
        #expect(brake.allows(600, of: 1000, at: start) == false)
        #expect(brake.allows(650, of: 1000, at: start + .seconds(300)) == false)
        #expect(brake.allows(1000, of: 1000, at: start + .seconds(600)) == false)
        #expect(brake.allows(1000, of: 1000, at: start + .seconds(1199)) == false)
        #expect(brake.allows(1000, of: 1000, at: start + .seconds(1200)) == true)
    }

    @Test("lets what is left of a released result go too, and is armed again after it")
    func released() {
        var brake = Brake(confirmAfter: .seconds(600))
        #expect(brake.allows(1000, of: 1000, at: start) == false)
        brake.confirm(at: start)
        #expect(brake.allows(1000, of: 1000, at: start) == true)
        #expect(brake.allows(200, of: 200, at: start + .seconds(1)) == true)
        #expect(brake.allows(0, of: 0, at: start + .seconds(2)) == true)
        #expect(brake.allows(200, of: 200, at: start + .seconds(3)) == false)
    }
}
