/// Time on a clock that only goes forward, and on through a suspended machine's sleep.
package enum Uptime {
    private static let origin = ContinuousClock.now

    /// The time since the first call in this process.
    package static var now: Duration { ContinuousClock.now - origin }
}
