internal import CLibpq
internal import Glibc

/// One libpq connection in non-blocking mode, with waits that can be interrupted.
///
/// Confined to its connection's queue. Its calls block that queue's thread in `poll(2)` on the socket and on the gate's
/// wake-up, so that a cancelled task or a closed gate ends every wait at once, whatever the server does.
final class Session {
    let pointer: OpaquePointer
    let gate: Gate
    private let responseTimeout: Duration?
    /// Whether the handle is still ours to free.
    private var isOwner = true
    /// When the server last sent something, or the wait for it began.
    private var silentSince = ContinuousClock.now
    /// How long `poll` may be trusted with TLS, in milliseconds; see ``receive(until:)``.
    private var pollSlice = 0
    private let usesTLS: Bool
    /// What holds in each transaction; known once the session is open.
    var settings: TransactionSettings
    /// A transaction is open that was begun for a stream only.
    var hasOwnTransaction = false
    /// What happened at the hosts of the URL that were asked before and did not answer in time.
    var silentHosts: [PostgresError] = []

    /// - Parameter pointer: An open `PGconn` in non-blocking mode; it becomes the session's own.
    init(owning pointer: OpaquePointer, gate: Gate, configuration: PostgresConfiguration) {
        self.pointer = pointer
        self.gate = gate
        responseTimeout = configuration.effectiveResponseTimeout
        settings = TransactionSettings(configuration, serverVersion: Int(PQserverVersion(pointer)))
        usesTLS = PQsslInUse(pointer) == 1
    }

    deinit {
        // Doesn't block: in non-blocking mode libpq drops the farewell that it cannot send at once.
        if isOwner { PQfinish(pointer) }
    }

    /// Whether a statement runs or the connection broke, so that nothing else can be sent.
    var isUnsettled: Bool {
        PQstatus(pointer) != CONNECTION_OK || PQtransactionStatus(pointer) == PQTRANS_ACTIVE
            || PQpipelineStatus(pointer) != PQ_PIPELINE_OFF
    }

    /// Gives the session up, whatever it is doing, without waiting for the server. Nothing may be called after it.
    func abandon() {
        guard isOwner else { return }
        isOwner = false
        if PQstatus(pointer) == CONNECTION_OK, PQtransactionStatus(pointer) == PQTRANS_ACTIVE {
            CancelRequest.send(on: pointer)
        } else {
            PQfinish(pointer)
        }
    }

    func parameter(_ name: String) -> String? {
        PQparameterStatus(pointer, name).map { String(cString: $0) }
    }

    // MARK: Waiting

    /// The clock of ``PostgresConfiguration/responseTimeout`` starts again.
    func beginWaiting() {
        silentSince = .now
        pollSlice = 0
    }

    /// Checks what libpq's sending function returned, then sends what it left in its buffer.
    func send(_ accepted: Int32) throws(PostgresError) {
        guard accepted == 1 else {
            if PQstatus(pointer) != CONNECTION_OK { throw lost() }
            throw .usage("libpq refused the statement: \(PostgresError.tidy(errorText) ?? "without a reason").")
        }
        beginWaiting()
        while true {
            let flushed = PQflush(pointer)
            if flushed == 0 { return }
            if flushed < 0 { throw lost() }
            // The server may be unable to read on before we read what it says.
            let ready = try wait(for: Int16(POLLIN | POLLOUT), until: responseDeadline)
            guard let ready else { throw .silent(for: responseTimeout ?? .zero) }
            silentSince = .now
            if ready & Int16(POLLIN) != 0, PQconsumeInput(pointer) == 0 { throw lost() }
        }
    }

    /// The next result of the statement that runs; `nil` when it has ended.
    ///
    /// - Parameter deadline: when to give up, and with which error.
    func nextResult(
        until deadline: (instant: ContinuousClock.Instant, error: PostgresError)? = nil
    ) throws(PostgresError) -> ResultHandle? {
        while PQisBusy(pointer) == 1 {
            if try !receive(until: deadline?.instant), let deadline, deadline.instant <= .now { throw deadline.error }
        }
        guard let result = PQgetResult(pointer) else { return nil }
        return ResultHandle(result)
    }

    /// Waits for the server to send something and takes it in.
    ///
    /// - Parameter patience: When to return nevertheless; the response timeout, in contrast, is an error.
    /// - Returns: Whether something may have come.
    @discardableResult
    func receive(until patience: ContinuousClock.Instant? = nil) throws(PostgresError) -> Bool {
        var deadline = [responseDeadline, patience].compactMap { $0 }.min()
        if usesTLS {
            // OpenSSL may hold decrypted bytes of which the socket shows nothing, and libpq doesn't say so: it has to
            // be asked again, at once and then in growing intervals.
            let slice = ContinuousClock.now + .milliseconds(pollSlice)
            deadline = deadline.map { min($0, slice) } ?? slice
            pollSlice = min(max(1, pollSlice * 2), 100)
        }
        let ready = try wait(for: Int16(POLLIN), until: deadline)
        if ready != nil {
            silentSince = .now
            pollSlice = 0
        } else if let responseTimeout, silentSince + responseTimeout <= .now {
            throw .silent(for: responseTimeout)
        } else if !usesTLS {
            return false
        }
        if PQconsumeInput(pointer) == 0 { throw lost() }
        return ready != nil || patience.map { $0 > .now } ?? true
    }

    private var responseDeadline: ContinuousClock.Instant? { responseTimeout.map { silentSince + $0 } }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant?) throws(PostgresError) -> Int16? {
        try Self.wait(for: events, on: PQsocket(pointer), gate: gate, until: deadline)
    }

    /// Blocks until the socket is ready, and returns the events, or until the deadline passes, and returns `nil`.
    ///
    /// A closed gate or a cancelled task ends it at once with an error.
    static func wait(
        for events: Int16, on socket: Int32, gate: Gate, until deadline: ContinuousClock.Instant?
    ) throws(PostgresError) -> Int16? {
        guard socket >= 0 else { throw .lost(nil) }
        var descriptors = (
            pollfd(fd: socket, events: events, revents: 0), pollfd(fd: gate.wakeUp, events: Int16(POLLIN), revents: 0)
        )
        while true {
            if let reason = gate.closure { throw reason }
            if Task.isCancelled { throw .cancelled }
            let count = withUnsafeMutableBytes(of: &descriptors) { bytes in
                poll(bytes.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, milliseconds(until: deadline))
            }
            if descriptors.1.revents != 0, count > 0 { gate.drain() }
            if descriptors.0.revents != 0, count > 0 { return descriptors.0.revents }
            if count == 0, let deadline, deadline <= .now {
                // What woke it last may have come just now.
                if let reason = gate.closure { throw reason }
                if Task.isCancelled { throw .cancelled }
                return nil
            }
        }
    }

    /// The time left in `poll`'s unit, rounded up; -1 for no end.
    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let left = max(.zero, deadline - .now)
        let (seconds, attoseconds) = left.components
        let milliseconds = min(seconds, 86_400) * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(milliseconds)
    }

    // MARK: Errors

    var errorText: String { String(cString: PQerrorMessage(pointer)) }

    func lost() -> PostgresError { .lost(PostgresError.tidy(errorText)) }
}
