public import Logging
public import NIOCore
internal import Synchronization

/// Keeps at most one connection to a server, opened when it is needed first and again after it was lost.
///
/// However many calls need a connection, one attempt is made at a time. After a failed attempt the next one waits
/// (``RedisBackoff``), and the calls with it: each call waits for one attempt and gets its error. Nothing that may have
/// been carried out is ever sent twice.
public final class RedisClient: Sendable {
    private let configuration: RedisConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let admit: Admission?
    private let machine: Mutex<ReconnectStateMachine<RedisConnection, Slot<RedisConnection>>>
    private let attempt = Mutex<Task<Void, Never>?>(nil)

    /// Looks at a new connection before anybody uses it; one that it throws for is closed, as if it could not be made.
    public typealias Admission = @Sendable (RedisConnection) async throws(RedisError) -> Void

    /// A client that is not connected yet.
    ///
    /// - Parameters:
    ///   - eventLoop: where its connections live; it must outlive the client's ``close()``.
    ///   - admit: nil admits every server. Its time is its own.
    public init(
        _ configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger, admit: Admission? = nil
    ) {
        self.configuration = configuration
        self.admit = admit
        self.eventLoop = eventLoop
        self.logger = logger
        self.machine = Mutex(ReconnectStateMachine(backoff: configuration.backoff))
    }

    /// The open connection, or a new one.
    ///
    /// - Parameter timeout: how long to wait for it; `nil` waits as long as one attempt takes (back-off and
    ///   ``RedisConfiguration/connectTimeout``).
    /// - Throws: ``RedisError``, always with ``RedisError/Delivery/notSent``.
    public func connection(timeout: Duration? = nil) async throws(RedisError) -> RedisConnection {
        let slot = Slot<RedisConnection>()
        let action = self.machine.withLock {
            $0.acquire(slot, now: .now, random: .random(in: 0...1), isOpen: { $0.isOpen })
        }
        switch action {
        case .use(let connection): return connection
        case .connect(let delay): self.connect(after: delay)
        case .wait: break
        case .refuse: throw .closedByUs
        }
        let timer = timeout.map { timeout in
            self.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
                slot.fill(.failure(.noConnectionInTime(self.machine.withLock { $0.lastFailure })))
            }
        }
        let result = await slot.value()
        timer?.cancel()
        switch result {
        case .success(let connection): return connection
        case .failure(let error): throw error.with(delivery: .notSent)
        }
    }

    /// Whether there is an open connection now. A client that nobody has asked for anything has none.
    public var isConnected: Bool { self.machine.withLock { $0.connection }?.isOpen ?? false }

    /// Sends a command on the connection, which is opened if need be, and waits for its reply. If the connection turns
    /// out to be closed before anything was written, the command is sent once more on a new one.
    ///
    /// - Parameter timeout: the time for the command, and as much again for a connection, if one has to be made; a
    ///   connection that comes later serves the next call. `nil` is ``RedisConfiguration/commandTimeout``.
    /// - Throws: ``RedisError``; a server's error as ``RedisError/Delivery/rejected``.
    public func send(_ command: RedisCommand, timeout: Duration? = nil) async throws(RedisError) -> RedisValue {
        try await self.withConnection(timeout) { connection, left throws(RedisError) in
            try await connection.send(command, timeout: left)
        }
    }

    /// Runs a script, by its SHA where the server knows it.
    ///
    /// - Parameters:
    ///   - keys: the script's `KEYS`.
    ///   - arguments: the script's `ARGV`.
    ///   - timeout: as of ``send(_:timeout:)``.
    /// - Throws: ``RedisError``; if it is `rejected` the script may have run up to the call that failed.
    public func evaluate(
        _ script: RedisScript, keys: [String], arguments: [String], timeout: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        try await self.withConnection(timeout) { connection, left throws(RedisError) in
            try await connection.evaluate(script, keys: keys, arguments: arguments, timeout: left)
        }
    }

    /// Listens to channels, on a connection of its own that is opened now and again whenever it is lost, until the
    /// subscription is closed, released, or the task that waits for its events is cancelled.
    public func subscribe(to channels: [String]) -> RedisSubscription {
        RedisSubscription(
            to: channels, self.configuration, eventLoop: self.eventLoop, logger: self.logger, admit: self.admit)
    }

    /// Closes the connection and refuses everything from now on. Subscriptions are closed by themselves.
    public func close() async {
        let action = self.machine.withLock { $0.close() }
        for slot in action.waiters { slot.fill(.failure(.closedByUs)) }
        let attempt = self.attempt.withLock { $0 }
        attempt?.cancel()
        await attempt?.value
        await action.connection?.close()
    }

    private func withConnection(
        _ timeout: Duration?,
        _ body: (RedisConnection, Duration) async throws(RedisError) -> RedisValue
    ) async throws(RedisError) -> RedisValue {
        // A server that is far away needs some round trips until there is a connection. If these used up the command's
        // time, no command would ever be answered in time there.
        let timeout = timeout ?? self.configuration.commandTimeout
        let budget = TimeBudget(timeout * 2)
        let connection = try await self.connection(timeout: timeout)
        do throws(RedisError) {
            return try await body(connection, timeout)
        } catch {
            guard error.delivery == .notSent, error.code == .closed, !connection.isOpen else { throw error }
        }
        let other = try await self.connection(timeout: min(timeout, budget.left))
        return try await body(other, min(timeout, budget.left))
    }

    private func connect(after delay: Duration) {
        let task = Task {
            do throws(RedisError) {
                if delay > .zero {
                    do { try await Task.sleep(for: delay) } catch { throw .closedByUs }
                }
                let connection = try await RedisConnection.connect(
                    self.configuration, eventLoop: self.eventLoop, logger: self.logger)
                do throws(RedisError) {
                    try await self.admit?(connection)
                } catch {
                    await connection.close()
                    throw error
                }
                switch self.machine.withLock({ $0.connected(connection, now: .now) }) {
                case .resume(let waiters): for slot in waiters { slot.fill(.success(connection)) }
                case .discard: await connection.close()
                }
            } catch {
                let waiters = self.machine.withLock {
                    $0.failed(error, now: .now, random: .random(in: 0...1))
                }
                self.logger.debug("redis connection failed", metadata: ["error": "\(error)"])
                for slot in waiters { slot.fill(.failure(error)) }
            }
        }
        self.attempt.withLock { $0 = task }
        // close() may have come between, and found no task to cancel.
        if self.machine.withLock({ $0.isClosed }) { task.cancel() }
    }
}

extension RedisError {
    fileprivate static func noConnectionInTime(_ last: RedisError?) -> RedisError {
        RedisError(
            code: last?.code ?? .timeout, delivery: .notSent,
            message: last?.message ?? "No connection to Redis could be made in time: see whether it can be reached.",
            underlying: last?.underlying)
    }
}
