internal import PostgresClient

/// At most so many connections, opened when they are wanted and kept until the pool is closed: those of one term.
actor PostgresPool {
    private let configuration: PostgresConfiguration
    private let limit: Int
    private var idle: [PostgresConnection] = []
    private var open = 0
    private var waiting: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    private var nextID = 0
    private var isClosed = false

    init(_ configuration: PostgresConfiguration, limit: Int) {
        self.configuration = configuration
        self.limit = max(1, limit)
    }

    /// Closes all connections; those on loan when they come back.
    func close() async {
        isClosed = true
        for (_, continuation) in waiting { continuation.resume(throwing: CancellationError()) }
        waiting = []
        let connections = idle
        idle = []
        for connection in connections { await connection.close() }
    }

    /// Lends a connection; the borrower gives it back in any case.
    ///
    /// - Throws: `PostgresError`, or `CancellationError` when the task is cancelled or the pool closed.
    func borrow() async throws -> PostgresConnection {
        while true {
            try Task.checkCancellation()
            if isClosed { throw CancellationError() }
            if let connection = idle.popLast() {
                if connection.isUsable { return connection }
                open -= 1
                await connection.close()
            } else if open < limit {
                open += 1
                do {
                    return try await PostgresConnection.connect(configuration)
                } catch {
                    open -= 1
                    wakeOne()
                    throw error
                }
            } else {
                try await wait()
            }
        }
    }

    /// Takes a connection back; one that is no longer usable is thrown away.
    func giveBack(_ connection: PostgresConnection) async {
        if connection.isUsable, !isClosed {
            idle.append(connection)
        } else {
            open -= 1
            await connection.close()
        }
        wakeOne()
    }

    /// How many borrowers wait for a connection.
    var waitingCount: Int { waiting.count }

    private func wait() async throws {
        let id = nextID
        nextID += 1
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
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

    private func wakeOne() {
        guard !waiting.isEmpty else { return }
        waiting.removeFirst().continuation.resume()
    }
}
