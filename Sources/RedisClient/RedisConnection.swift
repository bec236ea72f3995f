internal import Logging
internal import NIOCore
internal import Synchronization

/// One session on one socket. It never reconnects: once closed it stays closed. Close it when done; an abandoned one
/// stays open.
///
/// Submitting costs a lock and, if the event loop is not writing already, a wake-up. What was submitted meanwhile is
/// written with one flush.
///
/// A command that is not answered by its deadline closes the connection, since a half-open socket looks just like
/// that. What was on the wire then fails with ``RedisError/Delivery/unknown``, what was not with
/// ``RedisError/Delivery/notSent``.
public final class RedisConnection: Sendable {
    /// When the socket was connected.
    public let openedAt: ContinuousClock.Instant

    let scripts = ScriptCache()
    private let channel: any Channel
    private let logger: Logger
    let defaultTimeout: Duration
    private let machine: Mutex<ConnectionStateMachine<ByteBuffer, Slot<RedisValue>>>
    /// Filled when secrets may be sent: at once, or when the other side of the TLS is known.
    private let secured = Slot<Void>()
    /// Filled when the socket is closed.
    private let closed = Slot<RedisError>()
    private let reason = Mutex<RedisError?>(nil)
    private let timer = Mutex<Scheduled<Void>?>(nil)
    private let subscriber = Mutex<(@Sendable (RedisValue) -> Void)?>(nil)
    private let server: RedisServer

    init(channel: any Channel, configuration: RedisConfiguration, server: RedisServer, logger: Logger) {
        self.openedAt = .now
        self.channel = channel
        self.logger = logger
        self.defaultTimeout = configuration.commandTimeout
        self.server = server
        self.machine = Mutex(ConnectionStateMachine(depth: configuration.pipelineDepth))
        channel.closeFuture.whenComplete { _ in
            self.closed.fill(.success(self.reason.withLock { $0 } ?? .closedByPeer))
        }
    }

    // MARK: Commands

    /// Enqueues a command, at once. Commands that one task submits are written in the order of its calls. If as many as
    /// ``RedisConfiguration/pipelineDepth`` wait for a reply it fails with ``RedisError/Code/pipelineFull``.
    ///
    /// - Parameter timeout: the time from now to the reply; `nil` is ``RedisConfiguration/commandTimeout``.
    public func submit(_ command: RedisCommand, timeout: Duration? = nil) -> RedisPendingReply {
        self.enqueue(command, timeout: timeout, maySurpassDepth: false)
    }

    /// Sends a command and waits for its reply; also, if the pipeline is full, for a place in it.
    ///
    /// - Parameter timeout: the time from now to the reply; `nil` is ``RedisConfiguration/commandTimeout``.
    /// - Throws: ``RedisError``; a server's error as ``RedisError/Delivery/rejected``. Cancelling the task only
    ///   abandons the wait.
    public func send(_ command: RedisCommand, timeout: Duration? = nil) async throws(RedisError) -> RedisValue {
        try await self.enqueue(command, timeout: timeout, maySurpassDepth: true).value()
    }

    func enqueue(_ command: RedisCommand, timeout: Duration?, maySurpassDepth: Bool) -> RedisPendingReply {
        let slot = Slot<RedisValue>()
        guard let encoded = command.encoded else {
            slot.fill(.failure(.notEncodable))
            return RedisPendingReply(slot: slot)
        }
        let deadline = ContinuousClock.now + (timeout ?? self.defaultTimeout)
        let action = self.machine.withLock {
            $0.submit(encoded, slot, deadline: deadline, maySurpassDepth: maySurpassDepth)
        }
        switch action {
        case .scheduleWrite:
            self.channel.eventLoop.execute {
                if let alarm = self.machine.withLock({ $0.writeBegins() }) { self.setAlarm(alarm) }
                self.writeQueued()
            }
        case .none:
            break
        case .fail(let slot, let error):
            slot.fill(.failure(error.with(delivery: .notSent)))
        }
        return RedisPendingReply(slot: slot)
    }

    // MARK: The end

    /// Whether commands can be submitted. It may change at any moment.
    public var isOpen: Bool {
        self.machine.withLock { $0.isOpen }
    }

    /// Closes the connection now and waits until its socket is closed, also in a cancelled task. Commands without a
    /// reply fail; to see replies, await them first.
    public func close() async {
        self.end(.closedByUs)
        // A task of its own is not cancelled with ours. A socket closes at once, with TLS after 250 ms at most.
        await Task { await self.waitUntilClosed() }.value
    }

    /// Waits until the connection is closed, by whomever, or the task is cancelled.
    public func waitUntilClosed() async {
        _ = await self.closed.value()
    }

    /// Why it was closed; waits until it is. `nil` if the waiting task is cancelled.
    func closeReason() async -> RedisError? {
        try? await self.closed.value().get()
    }

    /// Waits until secrets may be sent, but not longer than until the deadline.
    func waitUntilSecure(_ budget: TimeBudget) async throws(RedisError) {
        let timer = self.channel.eventLoop.scheduleTask(in: TimeAmount(budget.left)) {
            if !self.secured.isFilled { self.end(.noTLSInTime) }
        }
        defer { timer.cancel() }
        try await self.secured.value().get()
    }

    /// Secrets may be sent.
    func becameSecure() {
        self.secured.fill(.success(()))
    }

    /// It is ready for use.
    ///
    /// - Returns: whether it still may be used; not if the server was demoted while it was being opened.
    func joinServer() -> Bool {
        let isWelcome = self.server.joined(by: self)
        // The end may have come between, and has then left before it joined.
        if !self.isOpen { self.server.left(by: self) }
        return isWelcome
    }

    /// Ends the connection for a reason, unless it ended before.
    func end(_ reason: RedisError) {
        let action = self.machine.withLock { $0.close(reason) }
        guard action.isFirst else { return }
        self.server.left(by: self)
        self.reason.withLock { $0 = reason }
        self.logger.debug("redis connection closed", metadata: ["reason": "\(reason.message)"])
        self.subscriber.withLock { $0 = nil }
        self.timer.withLock { timer in
            defer { timer = nil }
            return timer
        }?.cancel()
        self.channel.close(promise: nil)
        self.secured.fill(.failure(reason))
        for slot in action.notSent { slot.fill(.failure(reason.with(delivery: .notSent))) }
        for slot in action.unknown { slot.fill(.failure(reason.with(delivery: .unknown))) }
    }
}

// MARK: - On the event loop

extension RedisConnection {
    /// A reply was read.
    func received(_ value: RedisValue) {
        switch self.machine.withLock({ $0.reply() }) {
        case .succeed(let slot):
            if case .error(let error) = value {
                // First: whoever is told tries again at once, and not here.
                self.learn(from: error)
                slot.fill(.failure(.rejected(error)))
            } else {
                slot.fill(.success(value))
            }
        case .deliver:
            if case .error(let error) = value { self.learn(from: error) }
            self.subscriber.withLock { $0 }?(value)
        case .refuse:
            // Servers say goodbye so, for instance with "-ERR max number of clients reached".
            if case .error(let error) = value {
                self.end(.rejected(error))
            } else {
                self.end(.protocolViolation("a reply to no command"))
            }
        case .none:
            break
        }
    }

    /// Some errors tell more than what became of one command.
    private func learn(from error: RedisServerError) {
        // While it is being opened, whoever opens it decides.
        guard self.server.isJoined(by: self) else { return }
        switch error.kind {
        case .readOnly, .masterDown: self.server.demoted(error)
        // Its user is gone: only a new connection can sign in.
        case .noAuth: self.end(.signedOut(error))
        case .loading, .noReplicas, .outOfMemory, .misconfigured, .busy, .wrongPassword, .noPermission, .cluster,
            .tryAgain, .noScript, .wrongType, .unknownCommand, .other:
            break
        }
    }

    /// Hands to the socket what it takes.
    func writeQueued() {
        var wroteAny = false
        while let command = self.machine.withLock({ $0.nextCommand() }) {
            self.channel.write(command, promise: nil)
            wroteAny = true
        }
        if wroteAny { self.channel.flush() }
    }

    func writabilityChanged(_ isWritable: Bool) {
        self.machine.withLock { $0.setWritable(isWritable) }
        if isWritable { self.writeQueued() }
    }

    private func setAlarm(_ instant: ContinuousClock.Instant) {
        let delay = TimeAmount(max(.zero, instant - .now))
        let next = self.channel.eventLoop.scheduleTask(in: delay) { self.alarmRang() }
        self.timer.withLock { timer in
            defer { timer = next }
            return timer
        }?.cancel()
        // The end may have come between; it has then looked for a timer in vain.
        if !self.isOpen { next.cancel() }
    }

    private func alarmRang() {
        let action = self.machine.withLock { $0.alarm(now: .now) }
        for slot in action.expired { slot.fill(.failure(.expiredUnsent)) }
        if action.mustClose { self.end(.timedOut) }
        if let alarm = action.alarm { self.setAlarm(alarm) }
    }
}

// MARK: - For subscriptions

extension RedisConnection {
    /// Gives everything that the server says from now on to `deliver`, on the event loop, and refuses ordinary
    /// commands.
    ///
    /// - Returns: whether that is so; not if commands are waiting or the connection is closed.
    func becomeSubscriber(_ deliver: @escaping @Sendable (RedisValue) -> Void) -> Bool {
        self.subscriber.withLock { $0 = deliver }
        return self.machine.withLock { $0.subscribe() }
    }

    /// Writes a command whose answers go to the subscriber.
    func writeAsSubscriber(_ command: RedisCommand) {
        guard let encoded = command.encoded else { return }
        self.channel.writeAndFlush(encoded, promise: nil)
    }
}

/// A command's reply, which may not have come yet.
public struct RedisPendingReply: Sendable {
    let slot: Slot<RedisValue>

    /// Waits for the reply. May be asked more than once.
    ///
    /// - Throws: ``RedisError``; a server's error as ``RedisError/Delivery/rejected``. Cancelling the task only
    ///   abandons the wait, with ``RedisError/Delivery/unknown``.
    public func value() async throws(RedisError) -> RedisValue {
        try await self.slot.value().get()
    }
}
