import Testing

@testable import RedisClient

@Suite struct ReconnectStateMachineTests {
    private let start = ContinuousClock.now
    private let backoff = RedisBackoff(initial: .milliseconds(100), maximum: .milliseconds(400))

    @Test func makesOneAttemptForAll() {
        let machine = Driven(backoff: backoff)
        #expect(machine.acquire("a", now: start) == "connect after 0.0 seconds")
        #expect(machine.acquire("b", now: start) == "wait")
        #expect(machine.connect("live", now: start) == "resume a b")
        #expect(machine.acquire("c", now: start) == "use live")
    }

    @Test func tellsAllOfAFailureAndSlowsDown() {
        let machine = Driven(backoff: backoff)
        _ = machine.acquire("a", now: start)
        _ = machine.acquire("b", now: start)
        #expect(machine.failed(.closedByPeer, now: start, random: 1) == ["a", "b"])
        #expect(machine.lastFailure?.code == .closed)
        #expect(machine.acquire("c", now: start + .milliseconds(30)) == "connect after 0.07 seconds")
        #expect(machine.acquire("d", now: start + .milliseconds(30)) == "wait")
        #expect(machine.failed(.closedByPeer, now: start, random: 1) == ["c", "d"])
        #expect(machine.acquire("e", now: start) == "connect after 0.2 seconds")
        _ = machine.failed(.closedByPeer, now: start, random: 1)
        _ = machine.acquire("f", now: start)
        _ = machine.failed(.closedByPeer, now: start, random: 1)
        #expect(machine.acquire("g", now: start) == "connect after 0.4 seconds")
        #expect(machine.connect("live", now: start) == "resume g")
        #expect(machine.lastFailure == nil)
    }

    @Test func connectsAtOnceAfterAConnectionThatLasted() {
        let machine = Driven(backoff: backoff)
        _ = machine.acquire("a", now: start)
        _ = machine.connect("dead", now: start)
        #expect(machine.acquire("b", now: start + .seconds(2)) == "connect after 0.0 seconds")
    }

    @Test func countsAConnectionThatDidNotLastAsAFailure() {
        let machine = Driven(backoff: backoff)
        for expected in ["0.0", "0.1", "0.2", "0.4", "0.4"] {
            #expect(machine.acquire("a", now: start) == "connect after \(expected) seconds")
            _ = machine.connect("dead", now: start)
        }
    }

    @Test func refusesOnceClosed() {
        let machine = Driven(backoff: backoff)
        _ = machine.acquire("a", now: start)
        let action = machine.close()
        #expect(action.waiters == ["a"] && action.connection == nil)
        #expect(machine.isClosed)
        #expect(machine.acquire("b", now: start) == "refuse")
        #expect(machine.connect("live", now: start) == "discard")
        #expect(machine.failed(.closedByPeer, now: start, random: 1) == [])
    }

    @Test func handsItsConnectionBackWhenClosed() {
        let machine = Driven(backoff: backoff)
        _ = machine.acquire("a", now: start)
        _ = machine.connect("live", now: start)
        #expect(machine.close().connection == "live")
        #expect(machine.close().connection == nil)
    }

    @Test func jittersBetweenHalfAndAll() {
        #expect(backoff.delay(afterFailures: 0, random: 1) == .zero)
        #expect(backoff.delay(afterFailures: 1, random: 0) == .milliseconds(50))
        #expect(backoff.delay(afterFailures: 1, random: 1) == .milliseconds(100))
        #expect(backoff.delay(afterFailures: 1000, random: 0.5) == .milliseconds(300))
    }
}

/// The machine with texts for connections and waiters; a connection called "dead" is not open. A class, since `#expect`
/// copies what it looks at and the machine cannot be copied.
private final class Driven {
    private var machine: ReconnectStateMachine<String, String>

    init(backoff: RedisBackoff) {
        self.machine = ReconnectStateMachine(backoff: backoff)
    }

    var lastFailure: RedisError? { self.machine.lastFailure }
    var isClosed: Bool { self.machine.isClosed }

    func acquire(_ waiter: String, now: ContinuousClock.Instant) -> String {
        switch self.machine.acquire(waiter, now: now, random: 1, isOpen: { $0 != "dead" }) {
        case .use(let connection): "use \(connection)"
        case .connect(let delay): "connect after \(delay)"
        case .wait: "wait"
        case .refuse: "refuse"
        }
    }

    func connect(_ connection: String, now: ContinuousClock.Instant) -> String {
        switch self.machine.connected(connection, now: now) {
        case .resume(let waiters): "resume \(waiters.joined(separator: " "))"
        case .discard: "discard"
        }
    }

    func failed(_ error: RedisError, now: ContinuousClock.Instant, random: Double) -> [String] {
        self.machine.failed(error, now: now, random: random)
    }

    func close() -> ReconnectStateMachine<String, String>.CloseAction { self.machine.close() }
}
