/// When a client connects, and who waits for it. Pure, like ``ConnectionStateMachine``.
struct ReconnectStateMachine<Connection, Waiter>: ~Copyable {
    typealias Instant = ContinuousClock.Instant

    private struct Idle {
        /// How many attempts failed in a row.
        var failures = 0
        /// The instant before which no attempt is made.
        var notBefore: Instant?
        var lastFailure: RedisError?
    }

    private struct Connecting {
        let failures: Int
        var waiters: [Waiter]
        let lastFailure: RedisError?
    }

    private struct Open {
        let connection: Connection
        let failures: Int
        let openedAt: Instant
    }

    private enum State: ~Copyable {
        /// Nobody needs a connection. → `connecting`, `closed`
        case idle(Idle)
        /// One attempt is made, perhaps after a delay; everybody waits for it. → `open`, `idle`, `closed`
        case connecting(Connecting)
        /// There was a connection, which may be lost by now. → `connecting` once somebody finds it closed, `closed`
        case open(Open)
        /// The client was closed, and stays so.
        case closed
    }

    /// How long a connection has to last. A shorter one counts as another failure, so that a server which accepts and
    /// drops connections is not pestered.
    static var proven: Duration { .seconds(1) }

    private var state: State
    private let backoff: RedisBackoff

    init(backoff: RedisBackoff) {
        self.init(.idle(Idle()), backoff)
    }

    private init(_ state: consuming State, _ backoff: RedisBackoff) {
        self.state = state
        self.backoff = backoff
    }

    enum AcquireAction {
        case use(Connection)
        /// Make one attempt after this delay; the waiter is kept.
        case connect(after: Duration)
        /// An attempt is under way; the waiter is kept.
        case wait
        case refuse
    }

    /// Somebody needs a connection.
    ///
    /// - Parameters:
    ///   - random: from 0 to 1, for the jitter; asked for only if an attempt has to wait.
    ///   - isOpen: whether a connection still lives.
    mutating func acquire(
        _ waiter: Waiter, now: Instant, random: @autoclosure () -> Double, isOpen: (Connection) -> Bool
    ) -> AcquireAction {
        let backoff = self.backoff
        switch consume self.state {
        case .idle(let idle):
            self = Self(
                .connecting(Connecting(failures: idle.failures, waiters: [waiter], lastFailure: idle.lastFailure)),
                backoff)
            return .connect(after: idle.notBefore.map { max(.zero, $0 - now) } ?? .zero)
        case .connecting(var connecting):
            connecting.waiters.append(waiter)
            self = Self(.connecting(connecting), backoff)
            return .wait
        case .open(let open):
            if isOpen(open.connection) {
                self = Self(.open(open), backoff)
                return .use(open.connection)
            }
            let failures = now - open.openedAt < Self.proven ? open.failures + 1 : 0
            self = Self(
                .connecting(Connecting(failures: failures, waiters: [waiter], lastFailure: nil)), backoff)
            return .connect(after: backoff.delay(afterFailures: failures, random: random()))
        case .closed:
            self = Self(.closed, backoff)
            return .refuse
        }
    }

    enum ConnectedAction {
        case resume([Waiter])
        /// The client was closed meanwhile: close the connection.
        case discard
    }

    /// The attempt succeeded.
    mutating func connected(_ connection: Connection, now: Instant) -> ConnectedAction {
        let backoff = self.backoff
        switch consume self.state {
        case .connecting(let connecting):
            self = Self(.open(Open(connection: connection, failures: connecting.failures, openedAt: now)), backoff)
            return .resume(connecting.waiters)
        case .closed:
            self = Self(.closed, backoff)
            return .discard
        case .idle:
            preconditionFailure("only one attempt is made at a time")
        case .open:
            preconditionFailure("only one attempt is made at a time")
        }
    }

    /// The attempt failed.
    ///
    /// - Returns: who is to be told.
    mutating func failed(_ error: RedisError, now: Instant, random: Double) -> [Waiter] {
        let backoff = self.backoff
        switch consume self.state {
        case .connecting(let connecting):
            let failures = connecting.failures + 1
            let delay = backoff.delay(afterFailures: failures, random: random)
            self = Self(.idle(Idle(failures: failures, notBefore: now + delay, lastFailure: error)), backoff)
            return connecting.waiters
        case .closed:
            self = Self(.closed, backoff)
            return []
        case .idle:
            preconditionFailure("only one attempt is made at a time")
        case .open:
            preconditionFailure("only one attempt is made at a time")
        }
    }

    /// Why the last attempt failed, if no connection was made since.
    var lastFailure: RedisError? {
        switch self.state {
        case .idle(let idle): idle.lastFailure
        case .connecting(let connecting): connecting.lastFailure
        case .open: nil
        case .closed: nil
        }
    }

    /// The connection that was opened last, if it has not been replaced or given up; it may have been lost since.
    var connection: Connection? {
        switch self.state {
        case .open(let open): open.connection
        case .idle: nil
        case .connecting: nil
        case .closed: nil
        }
    }

    struct CloseAction {
        var connection: Connection?
        var waiters: [Waiter] = []
    }

    /// The client is closed.
    mutating func close() -> CloseAction {
        let backoff = self.backoff
        switch consume self.state {
        case .idle:
            self = Self(.closed, backoff)
            return CloseAction()
        case .closed:
            self = Self(.closed, backoff)
            return CloseAction()
        case .connecting(let connecting):
            self = Self(.closed, backoff)
            return CloseAction(waiters: connecting.waiters)
        case .open(let open):
            self = Self(.closed, backoff)
            return CloseAction(connection: open.connection)
        }
    }

    var isClosed: Bool {
        switch self.state {
        case .closed: true
        case .idle: false
        case .connecting: false
        case .open: false
        }
    }
}
