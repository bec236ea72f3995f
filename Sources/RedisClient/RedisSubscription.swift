internal import Logging
internal import NIOCore
internal import Synchronization

/// What is published on some channels, for as long as it is wanted. The connection is made again whenever it is lost;
/// what was published meanwhile is not seen, which `lost` followed by `subscribed` tells.
///
/// One task at a time should read it. It ends by ``close()``, by cancelling the task that waits for an event, or by
/// releasing it.
public final class RedisSubscription: AsyncSequence, Sendable {
    /// An event of a subscription.
    public enum Event: Sendable {
        /// The server has confirmed all channels: from now on messages are seen. Again after each `lost`.
        case subscribed
        /// A message, with the channel that it was published on.
        case message(channel: String, payload: [UInt8])
        /// The connection was lost or could not be made; told once, not for each further attempt. The error says why.
        case lost(RedisError)
    }

    public typealias Element = Event
    public typealias Failure = Never

    /// The channels.
    public let channels: [String]

    /// How many events may wait for the reader. A reader that lags behind further loses the connection, so that it is
    /// told by another `subscribed` that messages are missing.
    static let bufferedEvents = 4096

    private let stream: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let task: Task<Void, Never>

    init(
        to channels: [String], _ configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger,
        admit: RedisClient.Admission? = nil
    ) {
        self.channels = channels
        (self.stream, self.continuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Self.bufferedEvents))
        let events = self.continuation
        let listener = Listener(
            channels: channels, configuration: configuration, eventLoop: eventLoop, logger: logger, admit: admit,
            events: events)
        let task = Task { await listener.run() }
        self.task = task
        events.onTermination = { _ in task.cancel() }
    }

    deinit {
        self.continuation.finish()
    }

    /// Ends the subscription and waits until its connection is closed.
    public func close() async {
        self.continuation.finish()
        await self.task.value
    }

    /// The events, from the oldest that nobody has read.
    public func makeAsyncIterator() -> Iterator {
        Iterator(subscription: self, base: self.stream.makeAsyncIterator())
    }

    /// Reads a subscription's events.
    public struct Iterator: AsyncIteratorProtocol {
        // Holds the subscription, which ends when it is released.
        private let subscription: RedisSubscription
        private var base: AsyncStream<Event>.Iterator

        init(subscription: RedisSubscription, base: AsyncStream<Event>.Iterator) {
            self.subscription = subscription
            self.base = base
        }

        /// The next event; `nil` once the subscription has ended.
        public mutating func next() async -> Event? {
            await self.next(isolation: #isolation)
        }

        /// The next event; `nil` once the subscription has ended.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
            await self.base.next(isolation: actor)
        }
    }
}

/// The task behind a subscription: connects, subscribes, listens, and begins again.
private struct Listener: Sendable {
    let channels: [String]
    let configuration: RedisConfiguration
    let eventLoop: any EventLoop
    let logger: Logger
    let admit: RedisClient.Admission?
    let events: AsyncStream<RedisSubscription.Event>.Continuation

    func run() async {
        var failures = 0
        var isLossTold = false
        while !Task.isCancelled {
            let session = Session(channels: self.channels, events: self.events)
            let error = await self.listen(session)
            if Task.isCancelled { return }
            if session.wasSubscribed {
                failures = 0
                isLossTold = false
            }
            failures += 1
            // If there is no room even for this, the reader still sees another `subscribed`.
            if !isLossTold, case .enqueued = self.events.yield(.lost(error)) { isLossTold = true }
            self.logger.debug("redis subscription lost", metadata: ["error": "\(error)"])
            let delay = self.configuration.backoff.delay(afterFailures: failures, random: .random(in: 0...1))
            try? await Task.sleep(for: delay)
        }
    }

    /// One connection, from its beginning to its end.
    private func listen(_ session: Session) async -> RedisError {
        let connection: RedisConnection
        do throws(RedisError) {
            connection = try await RedisConnection.connect(
                self.configuration, eventLoop: self.eventLoop, logger: self.logger)
        } catch {
            return error
        }
        // It never writes: a demoted server would keep it for ever without a word.
        do throws(RedisError) {
            try await self.admit?(connection)
        } catch {
            await connection.close()
            return error
        }
        let isListening = connection.becomeSubscriber { value in
            if let error = session.received(value) { connection.end(error) }
        }
        guard isListening else {
            await connection.close()
            return .closedByPeer
        }
        connection.writeAsSubscriber(RedisCommand(["SUBSCRIBE"] + self.channels))
        return await self.watch(connection, session)
    }

    /// Waits for the connection's end. A server that is not heard of for too long ends it.
    private func watch(_ connection: RedisConnection, _ session: Session) async -> RedisError {
        let heartbeat = self.eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(self.configuration.commandTimeout),
            delay: TimeAmount(self.configuration.subscriptionPing)
        ) { _ in
            guard session.wasSubscribed else {
                connection.end(.timedOut)
                return
            }
            let heard = session.heard
            connection.writeAsSubscriber(RedisCommand("PING"))
            self.eventLoop.scheduleTask(in: TimeAmount(self.configuration.commandTimeout)) {
                if session.heard == heard { connection.end(.timedOut) }
            }
        }
        defer { heartbeat.cancel() }
        if let reason = await connection.closeReason() { return reason }
        await connection.close()
        return .closedByUs
    }
}

/// The state of one connection, and the meaning of its messages.
private final class Session: Sendable {
    private struct State {
        var missing: Int
        var wasSubscribed = false
        var heard = 0
    }

    private let state: Mutex<State>
    private let events: AsyncStream<RedisSubscription.Event>.Continuation

    init(channels: [String], events: AsyncStream<RedisSubscription.Event>.Continuation) {
        self.state = Mutex(State(missing: channels.count))
        self.events = events
    }

    /// Whether all channels were confirmed.
    var wasSubscribed: Bool { self.state.withLock { $0.wasSubscribed } }

    /// How many things the server said.
    var heard: Int { self.state.withLock { $0.heard } }

    /// The server said something.
    ///
    /// - Returns: an error if the connection is to be closed for it.
    func received(_ value: RedisValue) -> RedisError? {
        self.state.withLock { $0.heard += 1 }
        switch value {
        case .error(let error):
            return .rejected(error)
        case .array(let parts):
            return self.received(parts)
        case .null, .integer, .status, .bytes:
            return .protocolViolation("a reply to no command")
        }
    }

    private func received(_ parts: [RedisValue]) -> RedisError? {
        switch parts.first?.string {
        case "message" where parts.count == 3:
            guard let channel = parts[1].string, case .bytes(let payload) = parts[2] else {
                return .protocolViolation("a message without channel or payload")
            }
            if case .dropped = self.events.yield(.message(channel: channel, payload: payload)) {
                return .readerTooSlow
            }
        case "subscribe":
            let isComplete = self.state.withLock { state in
                state.missing -= 1
                if state.missing == 0 { state.wasSubscribed = true }
                return state.missing == 0
            }
            if isComplete, case .dropped = self.events.yield(.subscribed) { return .readerTooSlow }
        case "pong":
            break
        case _:
            return .protocolViolation("an unknown kind of message")
        }
        return nil
    }
}

extension RedisError {
    fileprivate static let readerTooSlow = RedisError(
        code: .pipelineFull, delivery: .notSent,
        message: "Messages came faster than they were read, so the subscription began anew: read faster, publish less.")
}
