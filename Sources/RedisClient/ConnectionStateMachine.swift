internal import NIOCore

/// What becomes of commands and replies on one connection. It is pure: it knows no socket, no thread and no clock; each
/// event is one call, which answers what is to be done.
///
/// Replies carry no number: the protocol pairs the n-th reply with the n-th command. So commands wait in `queue`, are
/// moved to `inFlight` when they are handed to the socket, and are never removed from there except by their reply or
/// the end.
struct ConnectionStateMachine<Command, Waiter>: ~Copyable {
    typealias Instant = ContinuousClock.Instant

    /// A command that has not been handed to the socket yet.
    private struct Queued {
        let command: Command
        let waiter: Waiter
        let deadline: Instant
    }

    /// A command that may be on the wire.
    private struct InFlight {
        let waiter: Waiter
        let deadline: Instant
    }

    private struct Commands {
        /// How many may be in flight.
        let depth: Int
        var queue: CircularBuffer<Queued> = []
        var inFlight: CircularBuffer<InFlight> = []
        /// Whether the event loop was asked to write, and has not come round to it.
        var isWriteScheduled = false
        /// Whether the socket takes more.
        var isWritable = true
        /// When the timer rings; `nil` while none is set.
        var alarm: Instant?
        /// The earliest deadline that came since the alarm was set, if it is before the alarm.
        var earlier: Instant?
    }

    private enum State: ~Copyable {
        /// Each reply belongs to a command. → `subscribed`, `closed`
        case open(Commands)
        /// Each reply is a message for the subscriber. → `closed`
        case subscribed
        /// The connection has ended for this reason, and stays so.
        case closed(RedisError)
    }

    private var state: State

    /// - Parameter depth: how many commands may wait for their reply.
    init(depth: Int) {
        self = .open(Commands(depth: depth))
    }

    private init(_ state: consuming State) {
        self.state = state
    }

    private static func open(_ commands: Commands) -> Self { Self(.open(commands)) }

    private static var subscribed: Self { Self(.subscribed) }

    private static func closed(_ reason: RedisError) -> Self { Self(.closed(reason)) }

    // MARK: Commands

    enum SubmitAction {
        /// Ask the event loop to call ``writeBegins()``.
        case scheduleWrite
        /// It was asked already.
        case none
        case fail(Waiter, RedisError)
    }

    /// A command comes in.
    ///
    /// - Parameter maySurpassDepth: whether it may wait for a place; otherwise it fails if there is none.
    mutating func submit(
        _ command: Command, _ waiter: Waiter, deadline: Instant, maySurpassDepth: Bool
    ) -> SubmitAction {
        switch consume self.state {
        case .open(var commands):
            guard maySurpassDepth || commands.queue.count + commands.inFlight.count < commands.depth else {
                self = .open(commands)
                return .fail(waiter, .pipelineFull)
            }
            commands.queue.append(Queued(command: command, waiter: waiter, deadline: deadline))
            if commands.alarm.map({ deadline < $0 }) ?? true, commands.earlier.map({ deadline < $0 }) ?? true {
                commands.earlier = deadline
            }
            let mustSchedule = !commands.isWriteScheduled
            commands.isWriteScheduled = true
            self = .open(commands)
            return mustSchedule ? .scheduleWrite : .none
        case .subscribed:
            self = .subscribed
            return .fail(waiter, .subscribedConnection)
        case .closed(let reason):
            self = .closed(reason)
            return .fail(waiter, reason)
        }
    }

    /// The event loop came round to writing what was submitted: ``nextCommand()`` says what.
    ///
    /// - Returns: when to call ``alarm(now:)``, replacing an earlier timer; `nil` leaves the timer as it is.
    mutating func writeBegins() -> Instant? {
        switch consume self.state {
        case .open(var commands):
            commands.isWriteScheduled = false
            let earlier = commands.earlier
            if let earlier {
                commands.alarm = earlier
                commands.earlier = nil
            }
            self = .open(commands)
            return earlier
        case .subscribed:
            self = .subscribed
            return nil
        case .closed(let reason):
            self = .closed(reason)
            return nil
        }
    }

    /// What to hand to the socket now, one by one until it is `nil`; from here on it counts as sent.
    mutating func nextCommand() -> Command? {
        switch consume self.state {
        case .open(var commands):
            guard commands.isWritable, commands.inFlight.count < commands.depth, let next = commands.queue.popFirst()
            else {
                self = .open(commands)
                return nil
            }
            commands.inFlight.append(InFlight(waiter: next.waiter, deadline: next.deadline))
            self = .open(commands)
            return next.command
        case .subscribed:
            self = .subscribed
            return nil
        case .closed(let reason):
            self = .closed(reason)
            return nil
        }
    }

    /// The socket's buffer filled up, or was emptied. Commands that a full socket does not take stay "not sent".
    mutating func setWritable(_ isWritable: Bool) {
        switch consume self.state {
        case .open(var commands):
            commands.isWritable = isWritable
            self = .open(commands)
        case .subscribed:
            self = .subscribed
        case .closed(let reason):
            self = .closed(reason)
        }
    }

    // MARK: Replies

    enum ReplyAction {
        case succeed(Waiter)
        /// It is a message for the subscriber.
        case deliver
        /// It answers nothing: the two sides no longer agree, so the connection is to be closed.
        case refuse
        /// It came after the end.
        case none
    }

    /// A reply was read.
    mutating func reply() -> ReplyAction {
        switch consume self.state {
        case .open(var commands):
            guard let first = commands.inFlight.popFirst() else {
                self = .open(commands)
                return .refuse
            }
            self = .open(commands)
            return .succeed(first.waiter)
        case .subscribed:
            self = .subscribed
            return .deliver
        case .closed(let reason):
            self = .closed(reason)
            return .none
        }
    }

    /// Takes replies for messages from now on.
    ///
    /// - Returns: whether that is so; not if commands are waiting or the connection is closed.
    mutating func subscribe() -> Bool {
        switch consume self.state {
        case .open(let commands):
            guard commands.queue.isEmpty, commands.inFlight.isEmpty else {
                self = .open(commands)
                return false
            }
            self = .subscribed
            return true
        case .subscribed:
            self = .subscribed
            return false
        case .closed(let reason):
            self = .closed(reason)
            return false
        }
    }

    // MARK: Deadlines

    struct AlarmAction {
        /// Commands that waited for a place too long. They were not sent, so the connection may go on without them.
        var expired: [Waiter] = []
        /// Whether a command on the wire waited too long: the connection is to be closed.
        var mustClose = false
        /// When to call again.
        var alarm: Instant?
    }

    /// The timer rang.
    mutating func alarm(now: Instant) -> AlarmAction {
        switch consume self.state {
        case .open(var commands):
            commands.alarm = nil
            commands.earlier = nil
            var action = AlarmAction()
            if commands.inFlight.contains(where: { $0.deadline <= now }) {
                action.mustClose = true
                self = .open(commands)
                return action
            }
            if commands.queue.contains(where: { $0.deadline <= now }) {
                var kept: CircularBuffer<Queued> = []
                for queued in commands.queue {
                    if queued.deadline <= now {
                        action.expired.append(queued.waiter)
                    } else {
                        kept.append(queued)
                    }
                }
                commands.queue = kept
            }
            action.alarm = [
                commands.inFlight.lazy.map(\.deadline).min(), commands.queue.lazy.map(\.deadline).min(),
            ].compactMap { $0 }.min()
            commands.alarm = action.alarm
            self = .open(commands)
            return action
        case .subscribed:
            self = .subscribed
            return AlarmAction()
        case .closed(let reason):
            self = .closed(reason)
            return AlarmAction()
        }
    }

    // MARK: The end

    struct CloseAction {
        /// Whether this call ended it, and the socket is to be closed.
        var isFirst = false
        /// Commands of which no byte was written.
        var notSent: [Waiter] = []
        /// Commands that may have been carried out.
        var unknown: [Waiter] = []
    }

    /// The connection ends, for the first reason that is given.
    mutating func close(_ reason: RedisError) -> CloseAction {
        switch consume self.state {
        case .open(let commands):
            self = .closed(reason)
            return CloseAction(
                isFirst: true, notSent: commands.queue.map(\.waiter), unknown: commands.inFlight.map(\.waiter))
        case .subscribed:
            self = .closed(reason)
            return CloseAction(isFirst: true)
        case .closed(let first):
            self = .closed(first)
            return CloseAction()
        }
    }

    var isOpen: Bool {
        switch self.state {
        case .open: true
        case .subscribed: true
        case .closed: false
        }
    }
}

extension RedisError {
    static let subscribedConnection = RedisError(
        code: .closed, delivery: .notSent,
        message: "This connection serves a subscription: send commands on another one.")
}
