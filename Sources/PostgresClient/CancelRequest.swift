internal import CLibpq
internal import Dispatch
internal import Synchronization

/// Gives up a session whose statement still runs: the server is asked to end it, then the handle is freed.
///
/// `PQcancel` opens a second connection and waits for the server to close it, which a stopped server never does. It
/// therefore runs on a thread of its own that nobody waits for. The session's own socket is closed after it, because a
/// pooler forgets whom to cancel as soon as its client has gone.
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
}
