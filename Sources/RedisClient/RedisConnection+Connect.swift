public import Logging
public import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

extension RedisConnection {
    /// Connects and logs in: the question to ``RedisConfiguration/resolver``, name resolution, TLS, `AUTH`, `SELECT`,
    /// `CLIENT SETNAME`, a `PING` and the configuration's scripts, all within ``RedisConfiguration/connectTimeout``.
    /// If the task is cancelled it returns at once.
    ///
    /// - Parameter eventLoop: where the connection lives.
    /// - Throws: ``RedisError``, always with ``RedisError/Delivery/notSent``: `unreachable`, `tls`, `authentication`,
    ///   `timeout`, `protocolViolation`, `cancelled`, or `server` for instance if the database does not exist.
    public static func connect(
        _ configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger
    ) async throws(RedisError) -> RedisConnection {
        let budget = TimeBudget(configuration.connectTimeout)
        let address = try await configuration.resolvedAddress(budget, on: eventLoop)
        let opening = Opening(
            configuration: configuration, address: address, server: configuration.servers[address], budget: budget,
            eventLoop: eventLoop, logger: logger)
        return try await configuration.access.connect(configuration, logger: logger) { signIn throws(RedisError) in
            try await opening.connect(signIn)
        }
    }
}

/// The opening of one connection at the address that the resolver answered.
private struct Opening {
    let configuration: RedisConfiguration
    let address: RedisURL.Address
    let server: RedisServer
    let budget: TimeBudget
    let eventLoop: any EventLoop
    let logger: Logger

    /// The place that errors and logs name.
    private var place: RedisURL { configuration.url.at(address) }

    func connect(_ signIn: RedisSignIn) async throws(RedisError) -> RedisConnection {
        var tls: TLSSetup?
        if let material = signIn.tls {
            tls = try TLSSetup(material, serverName: configuration.tls.serverName, at: address)
        }
        let connection = try await openSocket(tls)
        do throws(RedisError) {
            try await connection.waitUntilSecure(budget)
            try await connection.logIn(configuration, signIn.credentials, budget)
            guard connection.joinServer() else { throw .demotedMeanwhile }
        } catch {
            connection.end(.closedByUs)
            throw tls == nil && error.isByPeer ? .closedUnanswered(error) : error.with(delivery: .notSent)
        }
        logger.debug("redis connection opened", metadata: ["url": "\(place)"])
        return connection
    }

    private func openSocket(_ tls: TLSSetup?) async throws(RedisError) -> RedisConnection {
        // Connections by channel: when a channel has failed before its connecting is told, its pipeline no longer knows
        // why, but the connection does.
        let made = Mutex<[ObjectIdentifier: RedisConnection]>([:])
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(budget.left))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            // Room for several large commands in one system call; beyond it they stay "not sent".
            .channelOption(.writeBufferWaterMark, value: .init(low: 512 << 10, high: 1 << 20))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = RedisConnection(
                        channel: channel, configuration: configuration, server: server, logger: logger)
                    made.withLock { $0[ObjectIdentifier(channel)] = connection }
                    if let tls { try channel.pipeline.syncOperations.addHandler(tls.makeHandler()) }
                    try channel.pipeline.syncOperations.addHandler(
                        RedisChannelHandler(
                            connection: connection, tls: tls, maximumReplyBytes: configuration.maximumReplyBytes))
                }
            }
        let connecting: EventLoopFuture<any Channel>
        switch address {
        case .tcp(let host, let port): connecting = bootstrap.connect(host: host, port: port)
        case .unix(let path): connecting = bootstrap.connect(unixDomainSocketPath: path)
        }

        let opened = Slot<RedisConnection>()
        connecting.whenComplete { result in
            switch result {
            case .success(let channel):
                guard let connection = made.withLock({ $0[ObjectIdentifier(channel)] }) else {
                    preconditionFailure("each channel was given its connection before it was connected")
                }
                // Nobody waits any more: the task was cancelled.
                if !opened.fill(.success(connection)) { connection.end(.closedByUs) }
            case .failure(let error):
                opened.fill(.failure(.unreachable(place, error)))
            }
        }
        switch await opened.value() {
        case .success(let connection):
            return connection
        case .failure(let error):
            if !opened.fill(.failure(error)), case .success(let late) = await opened.value() {
                // It came while the task was being cancelled.
                late.end(.closedByUs)
            }
            throw error.with(delivery: .notSent)
        }
    }
}

extension RedisConnection {
    /// Sends everything at once, so that logging in costs one round trip.
    fileprivate func logIn(
        _ configuration: RedisConfiguration, _ credentials: RedisCredentials, _ budget: TimeBudget
    ) async throws(RedisError) {
        let left = budget.left
        let (username, password) = (credentials.username, credentials.password)
        let database = configuration.url.database

        let auth: RedisPendingReply?
        switch (username, password) {
        case (nil, nil): auth = nil
        case (nil, let password?): auth = self.submit(RedisCommand("AUTH", password), timeout: left)
        case (let username?, let password):
            // A user without a password (`nopass`) accepts any.
            auth = self.submit(RedisCommand("AUTH", username, password ?? ""), timeout: left)
        }
        let select = database == 0 ? nil : self.submit(RedisCommand("SELECT", "\(database)"), timeout: left)
        let name = configuration.clientName.map {
            self.submit(RedisCommand("CLIENT", "SETNAME", $0), timeout: left)
        }
        let ping = self.submit(RedisCommand("PING"), timeout: left)
        let scripts = configuration.scripts.map { ($0, self.submit(loading: $0, timeout: left)) }

        if let auth { try await self.expect(auth) { LogIn.explainAuth($0, hasUser: username != nil) } }
        if let select { try await self.expect(select) { LogIn.explainSelect($0, database: database) } }
        if let name { try await self.expect(name, LogIn.explainName) }
        try await self.expect(ping, LogIn.explainPing)
        for (script, reply) in scripts { try await self.expect(loading: script, reply) }
    }

    /// A server that takes no script now is asked again when that is called.
    private func expect(loading script: RedisScript, _ reply: RedisPendingReply) async throws(RedisError) {
        do throws(RedisError) {
            try self.learn(script, from: try await reply.value())
        } catch {
            guard error.serverError != nil else { throw error }
        }
    }

    /// Waits for a reply; if it is a server's error, `explain` says what that means, or `nil` to go on.
    private func expect(
        _ reply: RedisPendingReply, _ explain: (RedisServerError) -> RedisError?
    ) async throws(RedisError) {
        do throws(RedisError) {
            _ = try await reply.value()
        } catch {
            guard let serverError = error.serverError else { throw error }
            guard let explained = explain(serverError) else { return }
            throw explained
        }
    }
}

/// The meaning of a server's refusals to let us in.
private enum LogIn {
    static func explainAuth(_ error: RedisServerError, hasUser: Bool) -> RedisError? {
        if let goodbye = Self.goodbye(error) { return goodbye }
        switch error.kind {
        case .loading, .busy, .masterDown, .cluster, .tryAgain:
            return .rejected(error)
        case .wrongPassword:
            return self.authentication(
                hasUser
                    ? "Redis refused the user name or password: correct them, or enable the user (ACL SETUSER … on)."
                    : "Redis refused the password: correct it, or name the user it belongs to.", error)
        case .noPermission, .noAuth, .readOnly, .noReplicas, .outOfMemory, .misconfigured, .noScript, .wrongType,
            .unknownCommand, .other:
            break
        }
        // The text of an unknown AUTH (renamed, or an old server) repeats the arguments, so it is not shown.
        if error.message.contains("without any password configured") || error.message.contains("no password is set") {
            return self.authentication("This Redis has no password: remove it from the URL or configuration.", nil)
        }
        if error.message.contains("invalid password") {
            return self.authentication("Redis refused the password: correct it.", nil)
        }
        return self.authentication(
            "Redis refused AUTH: check user name and password"
                + (hasUser ? ", and that the server knows users (Redis 6 or later)." : "."), nil)
    }

    static func explainSelect(_ error: RedisServerError, database: Int) -> RedisError? {
        if let refusal = Self.goodbye(error) ?? Self.noAuth(error) { return refusal }
        if error.message.contains("out of range") {
            return RedisError(
                code: .server(error), delivery: .notSent,
                message: "This Redis has no database \(database): choose a smaller number, or raise its 'databases'.",
                underlying: error.description)
        }
        if error.message.contains("cluster mode") {
            return RedisError(
                code: .server(error), delivery: .notSent,
                message: "This Redis is in cluster mode, which has database 0 only and is not supported.",
                underlying: error.description)
        }
        return .rejected(error)
    }

    /// The name is for people who look at `CLIENT LIST`; nobody should be kept out for lack of it.
    static func explainName(_ error: RedisServerError) -> RedisError? {
        Self.goodbye(error) ?? Self.noAuth(error)
    }

    /// What keeps a server from answering a `PING` for now is left to the commands to meet.
    static func explainPing(_ error: RedisServerError) -> RedisError? {
        if let refusal = Self.goodbye(error) ?? Self.noAuth(error) { return refusal }
        switch error.kind {
        case .noPermission, .loading, .masterDown, .misconfigured, .busy, .readOnly, .noReplicas, .outOfMemory,
            .tryAgain:
            return nil
        case .noAuth, .wrongPassword, .cluster, .noScript, .wrongType, .unknownCommand, .other:
            return .rejected(error)
        }
    }

    private static func noAuth(_ error: RedisServerError) -> RedisError? {
        guard error.kind == .noAuth else { return nil }
        return self.authentication("Redis wants a password: set one in the URL or configuration.", error)
    }

    /// Errors that a server sends to a new connection, whatever that asks for, before it closes it.
    private static func goodbye(_ error: RedisServerError) -> RedisError? {
        if error.prefix == "DENIED" {
            return RedisError(
                code: .server(error), delivery: .notSent,
                message: "Redis is in protected mode and accepts local connections only: set a password or its 'bind'.",
                underlying: nil)
        }
        if error.message.contains("max number of clients") {
            return RedisError(
                code: .server(error), delivery: .notSent,
                message: "Redis has reached its 'maxclients': raise it, or close connections.",
                underlying: error.description)
        }
        return nil
    }

    private static func authentication(_ message: String, _ error: RedisServerError?) -> RedisError {
        RedisError(code: .authentication, delivery: .notSent, message: message, underlying: error?.description)
    }
}

extension RedisError {
    /// Whether the other side closed or reset the connection.
    fileprivate var isByPeer: Bool {
        code == .closed && (message == Self.closedByPeer.message || message == Self.brokenMessage)
    }

    /// The error for a connection without TLS that a server closed before it said anything, as one does that waits for
    /// a TLS handshake.
    fileprivate static func closedUnanswered(_ error: RedisError) -> RedisError {
        RedisError(
            code: .closed, delivery: .notSent,
            message:
                "The server closed the connection before it answered. If this port speaks TLS, write rediss:// for "
                + "redis://; else see the server's log for why.",
            underlying: error.underlying)
    }

    fileprivate static func unreachable(_ url: RedisURL, _ error: any Error) -> RedisError {
        let causes: [String]
        if let connection = error as? NIOConnectionError {
            let resolution = [connection.dnsAError, connection.dnsAAAAError].compactMap { $0.map(Self.cause) }
            causes = connection.connectionErrors.map { Self.cause($0.error) } + resolution
        } else {
            causes = [Self.cause(error)]
        }
        // A name with two addresses mostly fails twice for the same reason.
        let distinct = causes.enumerated().filter { !causes[..<$0.offset].contains($0.element) }.map(\.element)
        return RedisError(
            code: .unreachable, delivery: .notSent,
            message: "Redis cannot be reached at \(url): check that it runs there and that nothing stands between.",
            underlying: distinct.joined(separator: "; "))
    }
}
