internal import Dispatch
internal import Glibc
package import Logging
package import NIOCore
internal import Synchronization
internal import Telemetry

/// Sees to it that a term ends by its deadline, and finds out what hangs, whatever else of this process still runs.
///
/// It is one thread, neither a task nor an event loop, and waits for none of those that it watches: it leaves a
/// question with each and looks later whether there was an answer. It logs on a queue of its own, for the standard
/// error may block too.
package final class Watchdog: Sendable {
    /// A loop to watch.
    package struct Loop: Sendable {
        let name: String
        /// Must return at once; `answer` is called by the loop, when it comes to it.
        let ask: @Sendable (_ answer: @escaping @Sendable () -> Void) -> Void
    }

    /// How often it looks while there is a term, which is also how late it may end that.
    static let period = Duration.milliseconds(100)

    private struct State {
        var heartbeats: Heartbeats
        var term: LeadershipTerm?
        var tickedAt: ContinuousClock.Instant
        var life = Life.new
    }

    private enum Life {
        /// May become `running` or `ended`.
        case new
        /// May become `stopping`.
        case running
        /// May become `ended`. Those who wait for that are in it.
        case stopping([CheckedContinuation<Void, Never>])
        case ended
    }

    private let loops: [Loop]
    private let logger: Logger
    private let state: Mutex<State>
    private let stopSignal = StopSignal()
    private let logQueue = DispatchQueue(label: "baton.watchdog.log")

    /// - Parameter patience: how long a loop, or the watchdog itself, may be busy before it counts as hanging.
    package init(
        _ loops: [Loop], patience: Duration = .seconds(10), logger: Logger, at now: ContinuousClock.Instant = .now
    ) {
        self.loops = loops
        self.logger = logger
        state = Mutex(
            State(heartbeats: Heartbeats(of: loops.map(\.name), patience: patience, at: now), tickedAt: now))
    }

    /// Ends this term when its deadline has passed. It takes the place of the one before, which is over by then.
    package func watch(_ term: LeadershipTerm) {
        state.withLock { $0.term = term }
    }

    // MARK: What was found

    package struct Report: Sendable {
        /// How long ago each loop answered last, and the watchdog itself looked.
        package let ages: [(name: String, age: Duration)]
        package let hanging: [String]

        package init(ages: [(name: String, age: Duration)], hanging: [String]) {
            self.ages = ages
            self.hanging = hanging
        }
    }

    package func report(at now: ContinuousClock.Instant = .now) -> Report {
        state.withLock { state in
            let own = state.tickedAt.duration(to: now)
            return Report(
                ages: state.heartbeats.ages(at: now) + [("watchdog", own)],
                hanging: state.heartbeats.hanging(at: now)
                    + (own > state.heartbeats.patience ? ["watchdog"] : []))
        }
    }

    // MARK: Watching

    /// Looks once. The thread does it again and again.
    func tick(at now: ContinuousClock.Instant = .now) {
        let (term, ask, changes) = state.withLock { state in
            let (ask, changes) = state.heartbeats.tick(at: now)
            state.tickedAt = now
            if state.term?.endReason != nil { state.term = nil }
            return (state.term, ask, changes)
        }
        if let term, term.expire(at: now) { say(.termExpired(term)) }
        for index in ask {
            loops[index].ask { [weak self] in self?.answered(index, at: .now) }
        }
        for change in changes { say(.loop(change)) }
    }

    func answered(_ index: Int, at now: ContinuousClock.Instant) {
        if let change = state.withLock({ $0.heartbeats.answered(index, at: now) }) { say(.loop(change)) }
    }

    // MARK: The thread

    /// Starts the thread. It does not keep the process from exiting. Called once.
    package func start() {
        state.withLock { state in
            guard case .new = state.life else { preconditionFailure("a watchdog is started once") }
            state.life = .running
        }
        var thread = pthread_t()
        // The thread holds the watchdog until it ends.
        let status = pthread_create(
            &thread, nil,
            { pointer in
                Unmanaged<Watchdog>.fromOpaque(pointer!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(status == 0, "no thread can be started: error \(status)")
        pthread_detach(thread)
    }

    /// Returns when the thread has ended: it asks no loop any more.
    package func stop() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                switch state.life {
                case .new: state.life = .ended
                case .running: state.life = .stopping([continuation])
                case .stopping(let others): state.life = .stopping(others + [continuation])
                case .ended: break
                }
                if case .ended = state.life { return true }
                return false
            }
            if hasEnded { continuation.resume() } else { stopSignal.signal() }
        }
    }

    /// How long to wait until the next look: a term that began meanwhile does not end as soon as that.
    private var period: Duration {
        state.withLock { $0.term == nil ? min(.seconds(1), $0.heartbeats.patience / 10) : Self.period }
    }

    private func run() {
        repeat { tick() } while !stopSignal.wait(atMost: period)
        let waiting = state.withLock { state in
            guard case .stopping(let waiting) = state.life else { preconditionFailure("ended without being stopped") }
            state.life = .ended
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    // MARK: Logging

    private enum News: Sendable {
        case termExpired(LeadershipTerm)
        case loop(Heartbeats.Change)
    }

    private func say(_ news: News) {
        logQueue.async { [logger] in
            switch news {
            case .termExpired(let term):
                logger.warning("the watchdog ended the term", [.epoch: "\(term.epoch)"])
            case .loop(.hangs(let name)):
                logger.error("a loop hangs", [.loop: "\(name)"])
            case .loop(.answersAgain(let name, let pause)):
                logger.notice("the loop answers again", [.loop: "\(name)", .after: "\(pause)"])
            }
        }
    }
}

extension Watchdog.Loop {
    package static func eventLoop(_ name: String, _ eventLoop: any EventLoop) -> Watchdog.Loop {
        Watchdog.Loop(name: name) { answer in eventLoop.execute(answer) }
    }

    /// Where tasks run. They all have the same priority, and each priority has threads of its own.
    package static let taskPool = Watchdog.Loop(name: "taskPool") { answer in
        // Nobody could wait for it: that is the question.
        Task(priority: .medium) { answer() }
    }
}
