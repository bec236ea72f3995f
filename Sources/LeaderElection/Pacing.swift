/// Everything about an election that is left to chance: when to ask again, and what a new term is called.
struct Pacing<Randomness: RandomNumberGenerator & Sendable>: Sendable {
    let timing: ElectionTiming
    private var randomness: Randomness
    /// The failures since the last sign that things go well; they set the back-off.
    private var failures = 0

    init(timing: ElectionTiming, randomness: Randomness) {
        self.timing = timing
        self.randomness = randomness
    }

    mutating func newToken() -> Token { Token(using: &randomness) }

    /// Things go well: the next back-off is the shortest again.
    mutating func succeeded() { failures = 0 }

    /// How long to leave the store alone after a failure. Doubles with each up to the TTL; between half and all of
    /// that.
    mutating func backOff() -> Duration {
        let most = min(timing.ttl, timing.retryDelay * (1 << min(failures, 16)))
        failures += 1
        return most / 2 + random(upTo: most / 2)
    }

    /// Keeps replicas that learnt the same thing at the same time from asking in the same instant.
    mutating func jitter() -> Duration { random(upTo: timing.retryDelay) }

    /// When to ask for a lease that runs out after `remaining`, which the store counts in whole milliseconds; after a
    /// TTL at the latest, as one that is said to last longer was not made by a replica, or told by a server whose clock
    /// was set.
    mutating func expiry(after remaining: Duration, at now: Moment) -> Moment {
        now + min(max(remaining, .zero), timing.ttl) + .milliseconds(1) + jitter()
    }

    private mutating func random(upTo most: Duration) -> Duration {
        most * Double.random(in: 0...1, using: &randomness)
    }
}
