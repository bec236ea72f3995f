internal import CLibpq
internal import Dispatch
internal import Synchronization

/// One session with a PostgreSQL server.
///
/// It serves one call at a time; a call made while another one runs, or while a stream is open, is refused at once with
/// ``PostgresError/Code/usage``. It never reconnects: once ``isUsable`` is `false`, open a new one.
///
/// Cancelling the task that awaits a call ends the wait within milliseconds, also with a server that hangs. A statement
/// in flight then takes the connection with it: the server is asked to stop it, without anybody waiting for that, and
/// the connection is closed. A task that is cancelled before it calls gets ``PostgresError/Code/cancelled`` and the
/// connection stays as it was. Errors that the server reports leave it usable, unless they end the session (`FATAL`).
///
/// Letting go of the last reference closes it as well.
public actor PostgresConnection {
    private let executor: PostgresExecutor
    private let gate: Gate
    /// `nil` once the session is over.
    private var session: Session?
    private let counted = Mutex(PostgresUsage())

    /// The server's version as a number, for instance 150018 for 15.18.
    public nonisolated let serverVersion: Int
    /// The process at the server that serves this session; what `pg_stat_activity` calls `pid`. A pooler may invent it.
    public nonisolated let backendPID: Int
    /// Whether the connection is encrypted by TLS.
    public nonisolated let usesTLS: Bool
    /// Where the server is, and how its connection was to be protected.
    public nonisolated let transport: PostgresTransport
    /// What happened at the hosts of the URL that came before this one and did not answer in time.
    public nonisolated let silentHosts: [PostgresError]

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(session: sending Session, gate: Gate, executor: PostgresExecutor) {
        serverVersion = Int(PQserverVersion(session.pointer))
        backendPID = Int(PQbackendPID(session.pointer))
        usesTLS = PQsslInUse(session.pointer) == 1
        transport = PostgresTransport(session.pointer)
        silentHosts = session.silentHosts
        self.gate = gate
        self.executor = executor
        self.session = session
    }

    // MARK: Opening and closing

    /// Opens a connection, signs in and tries the configuration's settings.
    ///
    /// A setting that the URL asks for (`options=-c…`) and that did not arrive is an error: a pooler may drop it.
    ///
    /// Returns within milliseconds of the task's cancellation and soon after
    /// ``PostgresConfiguration/connectTimeout``, even if a name server hangs.
    ///
    /// - Throws: ``PostgresError`` with ``PostgresError/Code/connection``, ``PostgresError/Code/authentication``,
    ///   ``PostgresError/Code/timeout``, ``PostgresError/Code/cancelled``, ``PostgresError/Code/usage`` (an unreadable
    ///   URL) or ``PostgresError/Code/server(sqlState:)`` (no such database, too many connections, starting up, a
    ///   setting refused…).
    public static func connect(_ configuration: PostgresConfiguration) async throws(PostgresError) -> PostgresConnection
    {
        if Task.isCancelled { throw .cancelled }
        let gate = try Gate()
        let executor = PostgresExecutor()
        let handover = Handover<PostgresConnection>()
        executor.queue.async {
            do throws(PostgresError) {
                let session = try Session.open(configuration, gate: gate)
                // If nobody waits any more, the connection is let go here, which frees it.
                handover.finish(.success(PostgresConnection(session: session, gate: gate, executor: executor)))
            } catch {
                handover.finish(.failure(error))
            }
        }
        // The session keeps the deadline itself except where libpq blocks: while it looks up a name.
        let timeout = configuration.connectTimeout
        let grace = DispatchTimeInterval.milliseconds(Int(min(timeout, .seconds(86_400)) / .milliseconds(1)) + 100)
        DispatchQueue.global().asyncAfter(deadline: .now() + grace) { [weak handover, weak gate] in
            let error = PostgresError.connectTimeout(
                timeout, place: configuration.description, phase: "looking up its name or address took too long")
            if handover?.finish(.failure(error)) == true { gate?.close(because: error) }
        }
        let outcome = await withTaskCancellationHandler {
            await handover.outcome()
        } onCancel: {
            if handover.finish(.failure(.cancelled)) { gate.close(because: .cancelled) }
        }
        return try outcome.get()
    }

    /// Closes the connection; a call or stream that is in flight ends at once with ``PostgresError/Code/closed``.
    ///
    /// Returns when the connection is closed on this side. Closing twice is fine.
    public nonisolated func close() async {
        gate.close(because: .closedByCaller)
        await breakOff(because: .closedByCaller)
    }

    /// Whether calls may still succeed: `false` once the connection was closed or found broken.
    ///
    /// A server that went away while the connection was idle is noticed only by the next call.
    public nonisolated var isUsable: Bool { gate.closure == nil }

    /// The use of the server since the connection was opened; opening it is not counted.
    public nonisolated var usage: PostgresUsage { counted.withLock { $0 } }

    /// The value of a parameter that the server reports by itself, such as `server_encoding`, `TimeZone` or
    /// `in_hot_standby`; `nil` for others, and when the connection is closed. It waits for a call that runs.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-status.html#LIBPQ-PQPARAMETERSTATUS>.
    public func parameter(_ name: String) -> String? {
        session?.parameter(name)
    }

    // MARK: Statements

    /// Runs one statement and returns all its rows, values as text.
    ///
    /// Like all statements but those of ``execute(_:)`` it runs under the configuration's settings: in the transaction
    /// that is open, else in one of its own, without a round trip more.
    ///
    /// Results of unknown size are for ``rows(_:_:chunkBytes:)``.
    ///
    /// - Parameters:
    ///   - sql: One statement; `$1`, `$2`… stand for the parameters.
    ///   - parameters: Values in the form that the type's input function reads; `nil` is NULL. At most 65,535.
    /// - Returns: The rows; none for a statement that returns none.
    public nonisolated func query(
        _ sql: String, _ parameters: [String?] = []
    ) async throws(PostgresError) -> [PostgresRow] {
        try await perform { (session) throws(PostgresError) in Step(try session.allRows(sql, parameters)) }
    }

    /// Runs one or several statements, separated by semicolons, and drops what they return.
    ///
    /// Outside of a transaction they run under what the session happens to have set, and may begin one.
    ///
    /// Several statements are one transaction unless they say otherwise; the first that fails ends them.
    public nonisolated func execute(_ sql: String) async throws(PostgresError) {
        try await perform { (session) throws(PostgresError) in
            try session.sendScript(sql)
            try session.collect { (_) throws(PostgresError) in }
            return Step(())
        }
    }

    /// The columns that a statement would return; it is checked but not run.
    ///
    /// - Returns: Its columns in order; none for a statement that returns no rows.
    public nonisolated func describe(_ sql: String) async throws(PostgresError) -> [PostgresColumn] {
        try await perform { (session) throws(PostgresError) in Step(try session.describe(sql)) }
    }

    /// Starts a `COPY … TO STDOUT` in text form and returns its rows as a stream.
    ///
    /// - Parameters:
    ///   - sql: One COPY statement; it takes no parameters.
    ///   - chunkBytes: About how large a chunk becomes; a larger row is a chunk of its own.
    /// - Returns: A stream that holds the connection until it is read to its end.
    public nonisolated func copy(
        _ sql: String, chunkBytes: Int = 64 << 10
    ) async throws(PostgresError) -> CopyStream {
        try Self.check(chunkBytes: chunkBytes)
        try await perform { (session) throws(PostgresError) in
            try session.startCopy(sql)
            return Step((), then: .streaming)
        }
        return CopyStream(connection: self, chunkBytes: chunkBytes)
    }

    /// Runs one statement and returns its rows as a stream.
    ///
    /// - Parameters:
    ///   - sql: One statement; `$1`, `$2`… stand for the parameters.
    ///   - parameters: As in ``query(_:_:)``.
    ///   - chunkBytes: About how much memory the rows of one chunk take; a larger row is a chunk of its own.
    /// - Returns: A stream that holds the connection until it is read to its end. Errors that the server finds before
    ///   the first row are thrown here, later ones by the stream.
    public nonisolated func rows(
        _ sql: String, _ parameters: [String?] = [], chunkBytes: Int = 256 << 10
    ) async throws(PostgresError) -> RowStream {
        try Self.check(chunkBytes: chunkBytes)
        let first = try await perform { (session) throws(PostgresError) in
            try session.startRows(sql, parameters)
            return Step(portion: try session.rowPortion(upTo: 1))
        }
        if first.element == nil, let failure = first.failure { throw failure }
        return RowStream(connection: self, chunkBytes: chunkBytes, first: first)
    }

    private static func check(chunkBytes: Int) throws(PostgresError) {
        guard chunkBytes > 0 else { throw .usage("chunkBytes is \(chunkBytes); it must be at least 1.") }
    }

    // MARK: How a call runs

    /// The outcome of one piece of work.
    struct Step<Value: Sendable>: Sendable {
        var value: Value
        /// Who holds the connection afterwards.
        var occupancy: Gate.Occupancy
        /// An error that is reported later, because there is something to hand on before.
        var failure: PostgresError?

        init(_ value: Value, then occupancy: Gate.Occupancy = .free, failure: PostgresError? = nil) {
            self.value = value
            self.occupancy = occupancy
            self.failure = failure
        }
    }

    /// Runs `work` on the connection's own thread, if the connection is held as `expected`.
    nonisolated func perform<Value: Sendable>(
        from expected: Gate.Occupancy = .free,
        _ work: @escaping @Sendable (Session) throws(PostgresError) -> Step<Value>
    ) async throws(PostgresError) -> Value {
        if Task.isCancelled { throw .cancelled }
        try gate.claim(from: expected)
        let gate = gate
        let began = ContinuousClock.now
        defer {
            let time = ContinuousClock.now - began
            counted.withLock { usage in
                if expected == .free { usage.queries += 1 }
                usage.time += time
            }
        }
        // The handler only wakes the thread, which then asks its task: a wake-up that comes late does no harm.
        let outcome = await withTaskCancellationHandler {
            await run(work)
        } onCancel: {
            gate.wake()
        }
        switch outcome {
        case .success(let step):
            gate.release(to: step.occupancy)
            return step.value
        case .failure(let error):
            gate.release(to: .free)
            throw error
        }
    }

    private func run<Value>(
        _ work: (Session) throws(PostgresError) -> Step<Value>
    ) -> Result<Step<Value>, PostgresError> {
        guard let session else { return .failure(.closed(because: gate.closure ?? .closedByCaller)) }
        do throws(PostgresError) {
            let step = try work(session)
            if step.occupancy == .free, session.isUnsettled { breakOff(because: step.failure ?? session.lost()) }
            return .success(step)
        } catch {
            if session.isUnsettled { breakOff(because: error) }
            return .failure(error)
        }
    }

    private func breakOff(because reason: PostgresError) {
        gate.close(because: reason)
        session?.abandon()
        session = nil
    }

    /// Closes the connection without anybody waiting for it, for a stream that nobody reads any more.
    nonisolated func leaveStream() {
        gate.close(because: .streamLeft)
        // Unstructured because it is called from `deinit`; it ends as soon as the queue is free.
        Task { await self.breakOff(because: .streamLeft) }
    }
}
