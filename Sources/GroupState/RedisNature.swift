package import RedisClient

/// The kind of server at an address: a Redis by itself, or something else that speaks its language.
package struct RedisNature: Hashable, Sendable {
    /// `standalone`, `sentinel` or `cluster`; nil where that can't be asked.
    let mode: String?
    /// Its clock is one: some proxies answer in Redis' place, and wrongly.
    let hasClock: Bool

    /// The reason why Baton can't work there; nil if there is none.
    package var obstacle: RedisObstacle? {
        // First, since such a proxy is also wrong about the rest.
        guard hasClock else { return Self.proxy }
        return mode.flatMap(Self.obstacle(inMode:))
    }

    /// - Parameter mode: as Redis and Valkey name it, in `HELLO` and in `INFO`.
    package static func obstacle(inMode mode: String) -> RedisObstacle? {
        switch mode {
        case "sentinel":
            RedisObstacle(
                "This is a Sentinel, which holds no keys",
                "Give the address of the Redis that the Sentinel watches")
        case "cluster":
            RedisObstacle(
                "This Redis is in cluster mode, which Baton does not support: its scripts write keys of several slots",
                "Use a Redis without `cluster-enabled`")
        default: nil
        }
    }

    private static let proxy = RedisObstacle(
        "This is no Redis but a proxy that answers in its place, and gives a wrong time",
        "Give the address of the Redis itself, or of a TCP proxy that passes everything on, such as HAProxy")
}

extension RedisNature {
    /// Asks a server, in one round trip and with questions that need no permission.
    ///
    /// - Throws: `RedisError` if it does not answer. A question that it refuses says nothing against it.
    package static func ask(_ connection: RedisConnection, timeout: Duration) async throws(RedisError) -> RedisNature {
        let hello = connection.submit(RedisCommand("HELLO"), timeout: timeout)
        let time = connection.submit(RedisCommand("TIME"), timeout: timeout)
        return RedisNature(
            mode: try await answer(hello).flatMap(mode(inGreeting:)),
            hasClock: try await answer(time).map(isTime) ?? true)
    }

    /// Lets a connection be used only where Baton can work. What `baton check` finds, others say in its words.
    ///
    /// - Parameter trial: what is going to be done there; nil if that is not known.
    /// - Throws: `RedisError`.
    package static func admit(
        _ connection: RedisConnection, for trial: RedisTrial? = nil, timeout: Duration
    ) async throws(RedisError) {
        // Sent behind the questions, so that one round trip answers all.
        let unknown = trial?.namesOnly(on: connection, timeout: timeout)
        var obstacle = try await ask(connection, timeout: timeout).obstacle
        if obstacle == nil { obstacle = try await unknown?.refusal()?.obstacle }
        guard let obstacle else { return }
        throw RedisError(code: .protocolViolation, delivery: .notSent, message: obstacle.description)
    }

    /// The server's answer; nil if it refuses to give one.
    private static func answer(_ reply: RedisPendingReply) async throws(RedisError) -> RedisValue? {
        do throws(RedisError) {
            return try await reply.value()
        } catch {
            guard error.serverError != nil else { throw error }
            return nil
        }
    }

    /// - Parameter greeting: names and values in turn.
    private static func mode(inGreeting greeting: RedisValue) -> String? {
        let fields = greeting.array ?? []
        let name = stride(from: 0, to: fields.count - 1, by: 2).first { fields[$0].string == "mode" }
        return name.flatMap { fields[$0 + 1].string }
    }

    /// Seconds since 1970, and the microseconds that are left.
    private static func isTime(_ value: RedisValue) -> Bool {
        let numbers = value.array?.compactMap(\.int) ?? []
        return numbers.count == 2 && numbers[0] > 0 && (0..<1_000_000).contains(numbers[1])
    }
}
