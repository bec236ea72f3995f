internal import LeaderElection
internal import NIOCore

/// The clock of the elector's moments, with its one alarm, which rings on the lease's event loop.
struct ElectionAlarm {
    typealias Instant = ContinuousClock.Instant

    private let eventLoop: any EventLoop
    /// The zero of the elector's moments.
    private let origin = Instant.now
    private var scheduled: Scheduled<Void>?

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    var now: Moment { Moment(sinceOrigin: origin.duration(to: .now)) }

    func instant(_ moment: Moment) -> Instant { origin + moment.sinceOrigin }

    /// Rings at this moment, and not at the one that was set before.
    ///
    /// - Parameter ring: is given when it was due: the loop may come to it late.
    mutating func set(at moment: Moment, _ ring: @escaping @Sendable (Instant) -> Void) {
        cancel()
        let dueAt = instant(moment)
        let delay = max(.zero, Instant.now.duration(to: dueAt))
        scheduled = eventLoop.scheduleTask(in: TimeAmount(delay) + .microseconds(1)) { ring(dueAt) }
    }

    func cancel() { scheduled?.cancel() }
}
