/// How long a lease lasts and how it is kept. The durations in a value of this type always fit together.
public struct ElectionTiming: Hashable, Sendable {
    /// How long a lease lasts from its last renewal, by the store's clock.
    public let ttl: Duration
    /// The time from the sending of one renewal to the next.
    public let renewEvery: Duration
    /// How long an answer to acquire, renew or resign is waited for.
    public let renewTimeout: Duration
    /// How long after a failed renewal it is tried again; also the measure of all jitter and the first back-off.
    public let retryDelay: Duration
    /// How much earlier than the lease a term ends: it covers clocks that run at different speeds.
    public let margin: Duration
    /// How long a leader that gives its lease up waits for its work to say that nothing more will be sent.
    public let stopSendingWithin: Duration

    /// TTL 3 s, renewed every second.
    public static let standard = ElectionTiming(
        unchecked: .seconds(3), renewEvery: .seconds(1), renewTimeout: .milliseconds(600),
        retryDelay: .milliseconds(100), margin: .milliseconds(500), stopSendingWithin: .milliseconds(500))

    /// Checks that a renewal can fail once and still be repeated in time, and that a lease outlasts three renewals.
    ///
    /// - Throws: ``ElectionTimingError``, which says what to change, unless all durations are longer than nothing, the
    ///   TTL is a whole number of milliseconds, `3 × renewEvery ≤ ttl`, and `renewEvery + 2 × renewTimeout + retryDelay
    ///   ≤ ttl − margin`.
    public init(
        ttl: Duration = standard.ttl, renewEvery: Duration = standard.renewEvery,
        renewTimeout: Duration = standard.renewTimeout, retryDelay: Duration = standard.retryDelay,
        margin: Duration = standard.margin, stopSendingWithin: Duration = standard.stopSendingWithin
    ) throws(ElectionTimingError) {
        self.init(
            unchecked: ttl, renewEvery: renewEvery, renewTimeout: renewTimeout, retryDelay: retryDelay,
            margin: margin, stopSendingWithin: stopSendingWithin)
        let settings: [(ElectionTimingError.Setting, Duration)] = [
            (.ttl, ttl), (.renewEvery, renewEvery), (.renewTimeout, renewTimeout), (.retryDelay, retryDelay),
            (.margin, margin), (.stopSendingWithin, stopSendingWithin),
        ]
        for (setting, value) in settings where value <= .zero {
            throw .notPositive(setting, value)
        }
        guard ttl == .milliseconds(ttlMilliseconds) else { throw .fractionOfMillisecond(ttl) }
        guard renewEvery * 3 <= ttl else { throw .renewedTooRarely(renewEvery: renewEvery, ttl: ttl) }
        let needed = renewEvery + renewTimeout * 2 + retryDelay + margin
        guard needed <= ttl else { throw .noTimeToRetry(needed: needed, ttl: ttl) }
    }

    private init(
        unchecked ttl: Duration, renewEvery: Duration, renewTimeout: Duration, retryDelay: Duration,
        margin: Duration, stopSendingWithin: Duration
    ) {
        self.ttl = ttl
        self.renewEvery = renewEvery
        self.renewTimeout = renewTimeout
        self.retryDelay = retryDelay
        self.margin = margin
        self.stopSendingWithin = stopSendingWithin
    }

    /// ``ttl`` as the store wants it.
    public var ttlMilliseconds: Int64 {
        let (seconds, attoseconds) = ttl.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// The deadline of a term whose lease was acquired or renewed by a request sent at `sentAt`.
    func deadline(sentAt: Moment) -> Moment { sentAt + (ttl - margin) }
}

/// Durations that do not fit together.
public enum ElectionTimingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The settings, by the names they bear in ``ElectionTiming``.
    public enum Setting: String, Sendable { case ttl, renewEvery, renewTimeout, retryDelay, margin, stopSendingWithin }

    /// The setting must be longer than nothing.
    case notPositive(Setting, Duration)
    /// The store counts the TTL in whole milliseconds.
    case fractionOfMillisecond(Duration)
    /// The TTL must outlast three renewals.
    case renewedTooRarely(renewEvery: Duration, ttl: Duration)
    /// The TTL must leave time between two renewals for one that times out and one more; `needed` is the shortest TTL
    /// for that.
    case noTimeToRetry(needed: Duration, ttl: Duration)

    /// What is wrong and what to change.
    public var description: String {
        switch self {
        case .notPositive(let setting, let value):
            "\(setting.rawValue) is \(value): make it longer than 0"
        case .fractionOfMillisecond(let ttl):
            "ttl is \(ttl): make it a whole number of milliseconds"
        case .renewedTooRarely(let renewEvery, let ttl):
            "ttl is \(ttl), which is shorter than 3 times renewEvery (\(renewEvery)): raise ttl to at least "
                + "\(renewEvery * 3), or lower renewEvery to at most \(ttl / 3)"
        case .noTimeToRetry(let needed, let ttl):
            "ttl is \(ttl), but renewEvery + 2 × renewTimeout + retryDelay + margin is \(needed), so that a renewal that "
                + "fails once could not be repeated in time: raise ttl to at least \(needed), or lower the others by "
                + "\(needed - ttl) together"
        }
    }
}
