internal import CLibpq
internal import Glibc

extension Session {
    /// Opens a connection and applies the settings; blocks until it is ready, refused, too late or the gate is closed.
    ///
    /// Looking up a host name (`getaddrinfo`) cannot be interrupted: whoever needs to be quick must not wait for this.
    static func open(_ configuration: PostgresConfiguration, gate: Gate) throws(PostgresError) -> Session {
        let options = try ConnectionOptions(configuration)
        let deadline = ContinuousClock.now + configuration.connectTimeout
        let started = options.withParameters { keywords, values in PQconnectStartParams(keywords, values, 0) }
        guard let pointer = started else {
            throw PostgresError(code: .connection, message: "There is no memory for a connection to PostgreSQL.")
        }
        do throws(PostgresError) {
            try shakeHands(pointer, gate: gate, deadline: deadline, timeout: configuration.connectTimeout)
        } catch {
            PQfinish(pointer)
            throw error
        }
        // From here on the session frees the handle, also if an error leaves this function.
        let session = Session(owning: pointer, gate: gate, responseTimeout: configuration.effectiveResponseTimeout)
        PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
        guard PQsetnonblocking(pointer, 1) == 0 else { throw session.lost() }
        try session.apply(configuration, deadline: deadline)
        return session
    }

    /// Drives libpq's connecting state machine.
    private static func shakeHands(
        _ pointer: OpaquePointer, gate: Gate, deadline: ContinuousClock.Instant, timeout: Duration
    ) throws(PostgresError) {
        // Notices would otherwise be printed to the standard error.
        PQsetNoticeReceiver(pointer, { _, _ in }, nil)
        // libpq tells the SQLSTATE of a refusal in its verbose texts only.
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        var next = PQstatus(pointer) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
        while next != PGRES_POLLING_OK {
            if next == PGRES_POLLING_FAILED { throw PostgresError(failure(of: pointer)) }
            let events = Int16(next == PGRES_POLLING_READING ? POLLIN : POLLOUT)
            guard try wait(for: events, on: PQsocket(pointer), gate: gate, until: deadline) != nil else {
                let place = failure(of: pointer).place
                throw .connectTimeout(timeout, place: place, phase: phase(of: pointer))
            }
            next = PQconnectPoll(pointer)
        }
    }

    private static func failure(of pointer: OpaquePointer) -> ConnectFailure {
        func text(_ value: UnsafePointer<CChar>?) -> String { value.map { String(cString: $0) } ?? "" }
        return ConnectFailure(
            text: text(PQerrorMessage(pointer)),
            host: text(PQhost(pointer)),
            port: text(PQport(pointer)),
            database: text(PQdb(pointer)),
            user: text(PQuser(pointer)),
            lacksPassword: PQconnectionNeedsPassword(pointer) == 1
        )
    }

    private static func phase(of pointer: OpaquePointer) -> String {
        switch PQstatus(pointer) {
        case CONNECTION_STARTED: "no answer to TCP"
        case CONNECTION_SSL_STARTUP, CONNECTION_GSS_STARTUP:
            "TCP answers, but the negotiation of encryption does not end"
        case CONNECTION_AWAITING_RESPONSE: "TCP answers, but nobody answers to PostgreSQL's protocol"
        case CONNECTION_AUTH_OK: "signed in, but the session does not become ready"
        default: "it was not ready yet"
        }
    }

    /// Sets the run-time parameters in one round trip.
    ///
    /// `set_config` instead of `SET`: names and values are parameters, so nothing needs quoting, and lists such as a
    /// `search_path` are read as lists.
    private func apply(_ configuration: PostgresConfiguration, deadline: ContinuousClock.Instant) throws(PostgresError)
    {
        let statementTimeout = Self.wholeMilliseconds(configuration.statementTimeout)
        // A database in SQL_ASCII has no conversions: asked for UTF8, it refuses to send whatever is not.
        let encoding = parameter("server_encoding") == "SQL_ASCII" ? "SQL_ASCII" : "UTF8"
        let settings =
            [("statement_timeout", "\(statementTimeout)")] + configuration.settings + [("client_encoding", encoding)]
        var calls = settings.indices.map { "set_config($\(2 * $0 + 1), $\(2 * $0 + 2), false)" }
        if PQserverVersion(pointer) >= 140_000 { calls.insert(Self.watchForLostClient, at: 0) }
        do throws(PostgresError) {
            try sendQuery("SELECT \(calls.joined(separator: ", "))", settings.flatMap { [$0.0, $0.1] })
            while PQisBusy(pointer) == 1 {
                if try !receive(until: deadline), deadline <= .now {
                    throw .connectTimeout(
                        configuration.connectTimeout, place: Self.failure(of: pointer).place,
                        phase: "signed in, but the settings were not answered")
                }
            }
            try collect { (_) throws(PostgresError) in }
        } catch {
            guard case .server = error.code else { throw error }
            var error = error
            error.message = "The connection's settings were refused: \(error.message)"
            throw error
        }
    }

    /// Lets the server notice within a second, while it works on a statement, that this client has gone.
    ///
    /// Else it works on until it has something to send, also when a request to cancel came before it had begun. Since
    /// PostgreSQL 14; some systems cannot do it and refuse the parameter.
    private static let watchForLostClient = """
        CASE WHEN version() LIKE '%linux%' THEN set_config('client_connection_check_interval', '1s', false) END
        """

    /// Rounded up, so that a time-out shorter than the server's unit does not become "none".
    private static func wholeMilliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = max(.zero, duration).components
        let milliseconds = min(seconds, 2_147_483) * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return min(milliseconds, Int64(Int32.max))
    }
}
