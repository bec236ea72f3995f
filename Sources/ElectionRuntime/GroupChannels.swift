internal import GroupState
internal import LeaderElection
internal import RedisClient

/// The channels of the group that a replica listens to: where releases of the lease and requests of operators are
/// announced, and the one of its own term, on which the others hear that it lives.
final class GroupChannels {
    /// News that is heard there.
    enum News: Sendable {
        /// Everything from now on. What was announced before may have been missed.
        case listening
        /// The lease was released, for this replica to take it where one is named.
        case released(heir: String?)
        /// An operator asks for something.
        case requested
        /// Nothing, until `listening` comes again.
        case lost(RedisError)
    }

    private let store: LeaseStore
    /// The term on whose channel this replica is heard, or will be soon.
    private var token: Token?
    private var listening: Task<Void, Never>?
    /// The instant since when somebody listens to that channel, and whether that was lost before.
    private var heardSince: ContinuousClock.Instant?
    private var wasUnheard = false

    init(store: LeaseStore) { self.store = store }

    /// Listens as this term from now on.
    func listen(
        as token: Token, isolation: isolated (any Actor) = #isolation,
        tell: @escaping @Sendable (News) async -> Void
    ) {
        guard self.token != token else { return }
        stop()
        (self.token, heardSince, wasUnheard) = (token, nil, false)
        let events = store.listen(as: token)
        listening = Task {
            _ = isolation  // so that it runs there
            for await event in events where self.token == token { await tell(self.note(event)) }
            await events.close()
        }
    }

    /// Listens no longer.
    func stop() { listening?.cancel() }

    /// Stops, and returns when the connection is closed.
    func close() async {
        stop()
        await listening?.value
    }

    /// Whether others may conclude from a silent channel that this process is gone. A subscription that was lost must
    /// hold for a while before: one that comes and goes would else put the term at risk each time.
    var isHeard: Bool {
        guard let heardSince else { return false }
        return !wasUnheard || heardSince + store.timing.renewEvery <= .now
    }

    /// The replica that is to lead next, which stands behind the token in the message of a released lease; nil for any.
    static func heir(in released: [UInt8]) -> String? {
        let words = released.split(separator: UInt8(ascii: " "), maxSplits: 1)
        return words.dropFirst().first.map { String(decoding: $0, as: UTF8.self) }
    }

    private func note(_ event: RedisSubscription.Event) -> News {
        switch event {
        case .subscribed:
            heardSince = .now
            return .listening
        case .message(channel: store.keys.requested, _):
            return .requested
        case .message(_, let released):
            return .released(heir: Self.heir(in: released))
        case .lost(let error):
            (heardSince, wasUnheard) = (nil, true)
            return .lost(error)
        }
    }
}
