internal import CLibpq
internal import Dispatch
internal import Synchronization

/// Gives up a session whose statement still runs: the server is asked to end it, then the handle is freed.
///
/// `PQcancel` opens a second connection and waits for the server to close it, which a stopped server never does. It
/// therefore runs on a thread of its own that nobody waits for. The session's own socket is closed after it, because a
/// pooler forgets whom to cancel as soon as its client has gone. For the same reason a process waits a moment before it
/// ends: see ``ended(within:)``.
enum CancelRequest {
    /// How many requests may hang at one time; beyond it a session is only closed.
    private static let limit = 16
    private static let running = Atomic(0)

    /// What the thread takes over.
    private struct Cargo: @unchecked Sendable {
        // Unchecked because both pointers change owner here: nobody else touches them after `send`.
        let cancel: OpaquePointer
        let connection: OpaquePointer

        func perform() {
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
                _ = PQcancel(cancel, buffer.baseAddress, Int32(buffer.count))
            }
            PQfreeCancel(cancel)
            PQfinish(connection)
        }
    }

    /// Takes over `connection` (a `PGconn`), which the caller must not use any more. Returns at once.
    static func send(on connection: OpaquePointer) {
        guard running.add(1, ordering: .relaxed).newValue <= limit, let cancel = PQgetCancel(connection) else {
            running.subtract(1, ordering: .relaxed)
            PQfinish(connection)
            return
        }
        let cargo = Cargo(cancel: cancel, connection: connection)
        DispatchQueue(label: "postgres.cancel").async {
            cargo.perform()
            running.subtract(1, ordering: .relaxed)
        }
    }

    /// Waits until the servers have closed all requests, which a stopped one never does.
    ///
    /// - Returns: whether they have.
    static func ended(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        while running.load(ordering: .relaxed) > 0 {
            guard .now < end, (try? await Task.sleep(for: .milliseconds(5))) != nil else { return false }
        }
        return true
    }
}

extension PostgresConnection {
    /// Waits until servers have taken note of statements that were given up, as a process should before it ends: there
    /// are poolers that a request to cancel harms if its client goes too early.
    ///
    /// - Parameter limit: how long to wait at most; a server that is stopped never takes note.
    /// - Returns: whether all have.
    @discardableResult
    public static func cancellationsEnded(within limit: Duration) async -> Bool {
        await CancelRequest.ended(within: limit)
    }
}
