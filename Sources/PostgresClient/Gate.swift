internal import Glibc
internal import Synchronization

/// Says who may use a connection now, and wakes whoever waits on its socket.
///
/// It is the only part of a connection that other threads reach while a call runs: cancelling and closing come through
/// it.
final class Gate: Sendable {
    /// Who holds the connection.
    enum Occupancy: Equatable {
        /// Nobody: any call may begin. Exits: busy, closed.
        case free
        /// A call runs. Exits: free, streaming, closed.
        case busy
        /// A stream is open and none of its reads runs; only its next read may begin. Exits: busy, closed.
        case streaming
    }

    private enum State {
        case open(Occupancy)
        /// The session is over, for this reason. No exit.
        case closed(PostgresError)
    }

    private let state = Mutex(State.open(.free))
    /// The end of the pipe that is polled together with the socket.
    let wakeUp: Int32
    private let wakeUpSender: Int32

    init() throws(PostgresError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .outOfDescriptors(errno: errno) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (wakeUp, wakeUpSender) = (ends[0], ends[1])
    }

    deinit {
        _ = Glibc.close(wakeUp)
        _ = Glibc.close(wakeUpSender)
    }

    /// Why the connection is closed; `nil` while it is open.
    var closure: PostgresError? {
        state.withLock { state in
            switch state {
            case .open: nil
            case .closed(let reason): reason
            }
        }
    }

    /// Lets one call begin if the connection is held as `expected`; it must end with ``release(to:)``.
    func claim(from expected: Occupancy) throws(PostgresError) {
        try state.withLock { state throws(PostgresError) in
            switch state {
            case .closed(let reason):
                throw PostgresError.closed(because: reason)
            case .open(let occupancy) where occupancy == expected:
                state = .open(.busy)
            case .open(.streaming):
                throw .usage(
                    "A stream is open on this connection: read it to its end first, or use another connection.")
            case .open:
                throw .usage(
                    "Another call is running on this connection: await it first, or use another connection.")
            }
        }
    }

    /// Ends a call; what was closed meanwhile stays closed.
    func release(to occupancy: Occupancy) {
        state.withLock { state in
            if case .open = state { state = .open(occupancy) }
        }
    }

    /// Closes for good and wakes the call that may be running. The first reason stays.
    func close(because reason: PostgresError) {
        let first = state.withLock { state in
            guard case .open = state else { return false }
            state = .closed(reason)
            return true
        }
        if first { wake() }
    }

    /// Ends a `poll` that runs on ``wakeUp``, or the next one.
    func wake() {
        var byte: UInt8 = 1
        // A full pipe will wake it just as well.
        _ = write(wakeUpSender, &byte, 1)
    }

    /// Forgets past wake-ups; only for the thread that polls.
    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(wakeUp, buffer.baseAddress, buffer.count) > 0 {}
        }
    }
}
