/// Time in microseconds: true time since a schedule began, or what a clock of the schedule shows.
///
/// A plain number, because a schedule compares millions of them.
typealias Microseconds = Int64

extension Microseconds {
    static func milliseconds(_ number: Int64) -> Microseconds { number * 1000 }
    static func seconds(_ number: Int64) -> Microseconds { number * 1_000_000 }

    /// Rounded up, so that what is due at a moment is never found to be too early.
    init(roundingUp duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = seconds * 1_000_000 + (attoseconds + 999_999_999_999) / 1_000_000_000_000
    }
}

/// A clock that drifts, and can be made to jump.
struct VirtualClock: Sendable {
    /// How much it gains, in millionths.
    let drift: Int64
    private var offset: Microseconds

    init(drift: Int64, offset: Microseconds) {
        (self.drift, self.offset) = (drift, offset)
    }

    func reading(at time: Microseconds) -> Microseconds { offset + time + time * drift / 1_000_000 }

    /// The first true time at which the clock shows this or more, unless it jumps before.
    func time(showing reading: Microseconds) -> Microseconds {
        var time = (reading - offset) * 1_000_000 / (1_000_000 + drift)
        while self.reading(at: time) < reading { time += 1 }
        return time
    }

    mutating func jump(by distance: Microseconds) { offset += distance }
}
