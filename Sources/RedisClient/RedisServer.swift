internal import Synchronization

/// The servers that a process has connections to, by their addresses. Whatever reaches the same address, and by
/// whichever resolver, shares what is known of the server there.
public final class RedisServers: Sendable {
    private struct Entry {
        /// Its connections keep it. Once they are gone, nothing that it knows matters any more.
        weak var server: RedisServer?
    }

    private let entries = Mutex<[RedisURL.Address: Entry]>([:])

    /// No servers yet.
    public init() {}

    /// The server that a connection to this address reaches.
    subscript(address: RedisURL.Address) -> RedisServer {
        entries.withLock { entries in
            if let server = entries[address]?.server { return server }
            let server = RedisServer()
            entries = entries.filter { $0.value.server != nil }
            entries[address] = Entry(server: server)
            return server
        }
    }
}

/// The server behind one address, as the connections to it know it.
///
/// A server that answers `READONLY` or `MASTERDOWN` has been demoted, and the address leads, or will soon lead, to
/// another one. A proxy, a name server or a load balancer moves only new connections there: so as soon as one
/// connection is told, all of them are closed, whatever they are for.
final class RedisServer: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: RedisConnection] = [:]
        var demotedAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// A connection is ready for use.
    ///
    /// - Returns: false if it was begun before the server was found demoted, and is not to be used.
    func joined(by connection: RedisConnection) -> Bool {
        state.withLock { state in
            if let demotedAt = state.demotedAt, connection.openedAt <= demotedAt { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    func isJoined(by connection: RedisConnection) -> Bool {
        state.withLock { $0.connections[ObjectIdentifier(connection)] != nil }
    }

    /// A connection has ended.
    func left(by connection: RedisConnection) {
        state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// A connection was told that the server was demoted: all that are open are closed.
    func demoted(_ error: RedisServerError) {
        let connections = state.withLock { state in
            state.demotedAt = .now
            defer { state.connections = [:] }
            return state.connections.values
        }
        for connection in connections { connection.end(.demoted(error)) }
    }
}

extension RedisServerError.Kind {
    /// Whether it means that writes belong to another server by now.
    public var isDemotion: Bool { self == .readOnly || self == .masterDown }
}

extension RedisError {
    /// Whether the connection is closed for it, so that the next command is sent on a new one, which may lead
    /// elsewhere.
    public var endsConnection: Bool { code == .closed || serverError?.kind.isDemotion == true }

    static let demotedMeanwhile = RedisError(
        code: .closed, delivery: .notSent,
        message: "Redis took no writes any more when the connection was made: open another one.")

    static func signedOut(_ error: RedisServerError) -> RedisError {
        RedisError(
            code: .closed, delivery: .notSent,
            message: "Redis does not know this connection's user any more, so it was closed: open a new one.",
            underlying: error.description)
    }

    static func demoted(_ error: RedisServerError) -> RedisError {
        RedisError(
            code: .closed, delivery: .notSent,
            message: "Redis takes no writes any more, so the connection was closed: the next one goes to where its "
                + "address leads by then.",
            underlying: error.description)
    }
}
