internal import Formatting
internal import LeaderElection
internal import RedisClient

/// How far away a Redis is, in time.
struct RedisPace: Hashable, Sendable {
    /// How long connecting takes, from the name's resolution to the answer to the log-in.
    let connecting: Duration
    /// How long one question to a script takes, on an open connection.
    let roundTrip: Duration

    /// Asks some times, since any answer may be held up by something else, and takes the best.
    ///
    /// - Throws: `RedisError`.
    static func roundTrip(on connection: RedisConnection) async throws(RedisError) -> Duration {
        var best = Duration.seconds(60)
        for _ in 0..<5 {
            let began = ContinuousClock.now
            _ = try await connection.send(RedisCommand("PING"))
            best = min(best, .now - began)
        }
        return best
    }

    /// Whether renewals of the lease are answered in time: each has `renewTimeout`, and takes a round trip at best.
    func findings(_ timing: ElectionTiming) -> [Finding] {
        guard roundTrip * 2 > timing.renewTimeout else { return [] }
        let limit = "`lease.renewTimeout` (\(DurationText.render(timing.renewTimeout)))"
        let remedy = "Run Baton nearer to this Redis, or set `lease: { \(bearable(timing)) }`"
        guard roundTrip <= timing.renewTimeout else {
            return [
                .problem(
                    "A round trip takes \(Self.text(roundTrip)), longer than \(limit): no renewal is answered in time, so "
                        + "that nobody leads", remedy)
            ]
        }
        return [
            .warning(
                "A round trip takes \(Self.text(roundTrip)), more than half of \(limit): a small delay ends a term",
                remedy)
        ]
    }

    /// Settings with which a renewal has three round trips.
    private func bearable(_ timing: ElectionTiming) -> String {
        let timeout = Duration.milliseconds((roundTrip * 3 / .milliseconds(100)).rounded(.up) * 100)
        let needed = timing.renewEvery + timeout * 2 + timing.retryDelay + timing.margin
        let ttl = Duration.seconds((needed / .seconds(1)).rounded(.up))
        return "ttl: \(DurationText.render(ttl)), renewTimeout: \(DurationText.render(timeout))"
    }

    var json: JSONText {
        .fields([
            "milliseconds": .decimal(roundTrip / .milliseconds(1)),
            "connectingMilliseconds": .decimal(connecting / .milliseconds(1)),
        ])
    }

    private static func text(_ duration: Duration) -> String {
        "\(TextLayout.decimal(duration / .milliseconds(1), places: 1)) ms"
    }
}

extension RedisPace: CustomStringConvertible {
    var description: String { "\(Self.text(roundTrip)); to connect \(Self.text(connecting))" }
}
