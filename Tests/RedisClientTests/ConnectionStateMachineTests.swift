import Testing

@testable import RedisClient

@Suite struct ConnectionStateMachineTests {
    private let start = ContinuousClock.now

    @Test func writesInOrderAndPairsRepliesInOrder() {
        let machine = Driven(depth: 10)
        #expect(machine.submit("a", at: start) == "schedule")
        #expect(machine.submit("b", at: start) == "nothing")
        #expect(machine.write() == ["a", "b"])
        #expect(machine.submit("c", at: start) == "schedule")
        #expect(machine.write() == ["c"])
        #expect(machine.answer() == "a")
        #expect(machine.answer() == "b")
        #expect(machine.answer() == "c")
        #expect(machine.answer() == "refused")
    }

    @Test func refusesMoreThanItsDepth() {
        let machine = Driven(depth: 2)
        _ = machine.submit("a", at: start)
        #expect(machine.write() == ["a"])
        _ = machine.submit("b", at: start)
        #expect(machine.submit("c", at: start) == "c fails: pipelineFull")
        #expect(machine.answer() == "a")
        #expect(machine.submit("c", at: start) == "nothing")
    }

    @Test func letsPatientCommandsWaitForAPlace() {
        let machine = Driven(depth: 2)
        for command in ["a", "b", "c", "d"] { _ = machine.submit(command, at: start, patient: true) }
        #expect(machine.write() == ["a", "b"])
        #expect(machine.answer() == "a")
        #expect(machine.write() == ["c"])
        #expect(machine.answer() == "b")
        #expect(machine.answer() == "c")
        #expect(machine.write() == ["d"])
    }

    @Test func writesNothingToAFullSocket() {
        let machine = Driven(depth: 10)
        _ = machine.submit("a", at: start)
        machine.setWritable(false)
        #expect(machine.write() == [])
        machine.setWritable(true)
        #expect(machine.write() == ["a"])
    }

    @Test func tellsApartWhatWasSentWhenItEnds() {
        let machine = Driven(depth: 10)
        _ = machine.submit("a", at: start)
        _ = machine.submit("b", at: start)
        #expect(machine.nextCommand() == "a")
        let action = machine.close(.closedByPeer)
        #expect(action.isFirst)
        #expect(action.unknown == ["a"])
        #expect(action.notSent == ["b"])
        #expect(!machine.isOpen)
    }

    @Test func endsOnceAndKeepsTheFirstReason() {
        let machine = Driven(depth: 10)
        _ = machine.submit("a", at: start)
        _ = machine.close(.timedOut)
        let second = machine.close(.closedByPeer)
        #expect(!second.isFirst && second.notSent.isEmpty && second.unknown.isEmpty)
        #expect(machine.submit("b", at: start) == "b fails: timeout")
        #expect(machine.write() == [])
        #expect(machine.answer() == "nothing")
        #expect(machine.writeBegins() == nil)
        let alarm = machine.alarm(now: start + .seconds(100))
        #expect(!alarm.mustClose && alarm.alarm == nil)
    }

    @Test func setsTheTimerOnlyForEarlierDeadlines() {
        let machine = Driven(depth: 10)
        _ = machine.submit("a", at: start + .seconds(3))
        #expect(machine.writeBegins() == start + .seconds(3))
        _ = machine.submit("b", at: start + .seconds(5))
        #expect(machine.writeBegins() == nil)
        _ = machine.submit("c", at: start + .seconds(2))
        _ = machine.submit("d", at: start + .seconds(1))
        _ = machine.submit("e", at: start + .seconds(2))
        #expect(machine.writeBegins() == start + .seconds(1))
    }

    @Test func closesWhenACommandOnTheWireIsOverdue() {
        let machine = Driven(depth: 10)
        _ = machine.submit("a", at: start + .seconds(5))
        _ = machine.submit("b", at: start + .seconds(1))
        #expect(machine.write() == ["a", "b"])
        #expect(!machine.alarm(now: start + .milliseconds(999)).mustClose)
        #expect(machine.alarm(now: start + .seconds(1)).mustClose)
    }

    @Test func letsOverdueCommandsGoThatWereNotSent() {
        let machine = Driven(depth: 1)
        _ = machine.submit("a", at: start + .seconds(5), patient: true)
        _ = machine.submit("b", at: start + .seconds(1), patient: true)
        _ = machine.submit("c", at: start + .seconds(3), patient: true)
        #expect(machine.write() == ["a"])
        let action = machine.alarm(now: start + .seconds(2))
        #expect(action.expired == ["b"])
        #expect(!action.mustClose)
        #expect(action.alarm == start + .seconds(3))
        #expect(machine.answer() == "a")
        #expect(machine.write() == ["c"])
    }

    @Test func setsNoTimerWhenNothingWaits() {
        let machine = Driven(depth: 1)
        _ = machine.submit("a", at: start + .seconds(1))
        #expect(machine.writeBegins() == start + .seconds(1))
        #expect(machine.write() == ["a"])
        #expect(machine.answer() == "a")
        let action = machine.alarm(now: start + .seconds(1))
        #expect(!action.mustClose && action.alarm == nil)
        _ = machine.submit("b", at: start + .seconds(9))
        #expect(machine.writeBegins() == start + .seconds(9))
    }

    @Test func deliversToTheSubscriberOnceNothingWaits() {
        let machine = Driven(depth: 1)
        _ = machine.submit("a", at: start)
        #expect(!machine.subscribe())
        #expect(machine.write() == ["a"])
        #expect(!machine.subscribe())
        #expect(machine.answer() == "a")
        #expect(machine.subscribe())
        #expect(machine.answer() == "delivered")
        #expect(machine.submit("b", at: start) == "b fails: closed")
        #expect(machine.isOpen)
        #expect(machine.close(.closedByPeer).isFirst)
        #expect(!machine.subscribe())
    }
}

/// The machine with texts for commands and waiters: command "a" is awaited by "a". A class, since `#expect` copies what
/// it looks at and the machine cannot be copied.
private final class Driven {
    private var machine: ConnectionStateMachine<String, String>

    init(depth: Int) {
        self.machine = ConnectionStateMachine(depth: depth)
    }

    var isOpen: Bool { self.machine.isOpen }

    func submit(_ text: String, at deadline: ContinuousClock.Instant, patient: Bool = false) -> String {
        switch self.machine.submit(text, text, deadline: deadline, maySurpassDepth: patient) {
        case .scheduleWrite: "schedule"
        case .none: "nothing"
        case .fail(let waiter, let error): "\(waiter) fails: \(error.code)"
        }
    }

    func writeBegins() -> ContinuousClock.Instant? { self.machine.writeBegins() }

    func nextCommand() -> String? { self.machine.nextCommand() }

    func write() -> [String] {
        _ = self.machine.writeBegins()
        var written: [String] = []
        while let command = self.machine.nextCommand() { written.append(command) }
        return written
    }

    func setWritable(_ isWritable: Bool) { self.machine.setWritable(isWritable) }

    func answer() -> String {
        switch self.machine.reply() {
        case .succeed(let waiter): waiter
        case .deliver: "delivered"
        case .refuse: "refused"
        case .none: "nothing"
        }
    }

    func subscribe() -> Bool { self.machine.subscribe() }

    func alarm(now: ContinuousClock.Instant) -> ConnectionStateMachine<String, String>.AlarmAction {
        self.machine.alarm(now: now)
    }

    func close(_ reason: RedisError) -> ConnectionStateMachine<String, String>.CloseAction {
        self.machine.close(reason)
    }
}
