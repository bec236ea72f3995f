/// An instant on a clock that only moves forward and also counts the time during which the machine was suspended.
///
/// The core reads no clock: whoever drives it passes the instants in. Only differences between moments mean something.
public struct Moment: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The time since an arbitrary origin, which must be the same for all moments given to one ``Elector``.
    public let sinceOrigin: Duration

    public init(sinceOrigin: Duration) {
        self.sinceOrigin = sinceOrigin
    }

    public static func < (left: Moment, right: Moment) -> Bool { left.sinceOrigin < right.sinceOrigin }
    public static func + (moment: Moment, duration: Duration) -> Moment {
        Moment(sinceOrigin: moment.sinceOrigin + duration)
    }
    public static func - (left: Moment, right: Moment) -> Duration { left.sinceOrigin - right.sinceOrigin }

    public var description: String { "\(sinceOrigin)" }
}
