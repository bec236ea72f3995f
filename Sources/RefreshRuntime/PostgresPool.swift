package import PostgresClient
package import Telemetry

/// The connections of one term: at most a fixed number, opened when they are wanted and kept until the pool is closed.
///
/// Whoever has waited longest is served first, and is handed what another one gives back: a dataset whose passes follow
/// one another without a pause can't keep the others waiting.
package actor PostgresPool {
    private let access: PostgresAccess
    private let limit: Int
    private let instruments: Instruments
    private var idle: [PostgresConnection] = []
    /// Connections that are idle, on loan, or being opened or closed.
    private var taken = 0
    private var waiting: [(id: Int, continuation: CheckedContinuation<PostgresConnection?, any Error>)] = []
    private var nextID = 0
    private var isClosed = false

    package init(_ configuration: PostgresConfiguration, limit: Int, instruments: Instruments = .discarded) {
        self.init(PostgresAccess(configuration), limit: limit, instruments: instruments)
    }

    package init(_ access: PostgresAccess, limit: Int, instruments: Instruments = .discarded) {
        self.access = access
        self.instruments = instruments
        self.limit = max(1, limit)
    }

    /// Closes all connections; those on loan when they come back.
    package func close() async {
        isClosed = true
        for (_, continuation) in waiting { continuation.resume(throwing: CancellationError()) }
        waiting = []
        let connections = idle
        idle = []
        taken -= connections.count
        show()
        for connection in connections { await connection.close() }
    }

    /// Lends a connection for as long as the body runs.
    ///
    /// A connection that was kept from earlier may have been closed meanwhile: by `idle_session_timeout`, a pooler's
    /// `client_idle_timeout`, or a restart. The body's first statement finds that out; the body then begins once more,
    /// with a new connection.
    ///
    /// - Throws: `PostgresError`, `CancellationError` when the task is cancelled or the pool closed, or what the body
    ///   throws.
    nonisolated func withConnection<Result>(
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let (connection, isKept) = try await lend()
        let before = connection.usage.queries
        do {
            return try await settle(connection, body)
        } catch let error as PostgresError where isKept && connection.usage.queries - before <= 1 {
            guard !connection.isUsable, error.tellsOfEndedSession else { throw error }
            return try await settle(try await lend(new: true).connection, body)
        }
    }

    private nonisolated func settle<Result>(
        _ connection: PostgresConnection, _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await body(connection)
            await giveBack(connection)
            return result
        } catch {
            await giveBack(connection)
            throw error
        }
    }

    /// Lends a connection; the borrower gives it back in any case.
    ///
    /// - Throws: `PostgresError`, or `CancellationError` when the task is cancelled or the pool closed.
    func borrow() async throws -> PostgresConnection { try await lend().connection }

    /// - Parameter isNew: whether one that was kept from earlier does not do.
    /// - Returns: the connection, and whether it was kept.
    private func lend(new isNew: Bool = false) async throws -> (connection: PostgresConnection, isKept: Bool) {
        let found = try await takePlace()
        do {
            try Task.checkCancellation()
            if let found {
                if found.isUsable, !isNew { return (found, true) }
                await found.close()
            }
            return (try await access.connect(), false)
        } catch {
            if let found { await giveBack(found) } else { pass(on: nil) }
            throw error
        }
    }

    /// Takes a connection back; one that is no longer usable is thrown away.
    func giveBack(_ connection: PostgresConnection) async {
        if connection.isUsable, !isClosed {
            pass(on: connection)
        } else {
            await connection.close()
            pass(on: nil)
        }
    }

    /// How many borrowers wait for a connection.
    var waitingCount: Int { waiting.count }

    /// Waits until there is room for one more connection.
    ///
    /// - Returns: the connection that has this place already, if there is one.
    private func takePlace() async throws -> PostgresConnection? {
        if isClosed { throw CancellationError() }
        defer { show() }
        if let connection = idle.popLast() { return connection }
        if taken < limit {
            taken += 1
            return nil
        }
        let id = nextID
        nextID += 1
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    waiting.append((id, continuation))
                }
            }
        } onCancel: {
            Task { await self.abandon(id) }
        }
    }

    private func abandon(_ id: Int) {
        guard let position = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: position).continuation.resume(throwing: CancellationError())
    }

    /// Hands a place, with the connection that has it, to whoever waits longest.
    private func pass(on connection: PostgresConnection?) {
        if !waiting.isEmpty {
            waiting.removeFirst().continuation.resume(returning: connection)
        } else if let connection {
            idle.append(connection)
        } else {
            taken -= 1
        }
        show()
    }

    private func show() { instruments.postgresConnections(idle: idle.count, busy: taken - idle.count) }
}

extension PostgresError {
    /// Whether the connection was found closed, in contrast to one that was given up here.
    fileprivate var tellsOfEndedSession: Bool {
        switch code {
        case .connection, .server: true
        case .authentication, .cancelled, .timeout, .closed, .usage: false
        }
    }
}
