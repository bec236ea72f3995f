/// The reason why a leader does not do its work although it holds the lease: servers that can't be reached.
struct Obstacle: Hashable, Sendable {
    /// The servers that can't be reached: `postgres`, or a Redis by its name in the configuration. Not empty.
    let missing: [String]
    /// The instant since when nothing has come from there.
    let since: ContinuousClock.Instant

    /// The same for people.
    var text: String { missing.joined(separator: ", ") }
}
