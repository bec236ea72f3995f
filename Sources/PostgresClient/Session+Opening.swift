internal import CLibpq
internal import Glibc

extension Session {
    /// Opens a connection and applies the settings; blocks until it is ready, refused, too late or the gate is closed.
    ///
    /// Looking up a host name (`getaddrinfo`) cannot be interrupted: whoever needs to be quick must not wait for this.
    static func open(_ configuration: PostgresConfiguration, gate: Gate) throws(PostgresError) -> Session {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        var silent: [PostgresError] = []
        let hosts = try ConnectionOptions(configuration).hostByHost
        let pointer = try connect(hosts[...], gate: gate, deadline: deadline, &silent)
        // From here on the session frees the handle, also if an error leaves this function.
        let session = Session(owning: pointer, gate: gate, configuration: configuration)
        session.silentHosts = silent
        PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
        guard PQsetnonblocking(pointer, 1) == 0 else { throw session.lost() }
        try session.prepareSettings(configuration, deadline: deadline)
        return session
    }

    /// Tries one host after the other. Each may take its share of the time that is left: libpq, which is driven from
    /// here, would wait for the first silent one until the whole time is over.
    ///
    /// - Parameter silent: gets the errors of those that used their share up.
    /// - Returns: the handle of a connection, which the caller frees.
    private static func connect(
        _ hosts: ArraySlice<ConnectionOptions>, gate: Gate, deadline: ContinuousClock.Instant,
        _ silent: inout [PostgresError]
    ) throws(PostgresError) -> OpaquePointer {
        var hosts = hosts
        while true {
            // The message tells whole milliseconds.
            let share = Duration.milliseconds(((deadline - .now) / max(1, hosts.count) / .milliseconds(1)).rounded(.up))
            guard let options = hosts.popFirst() else { throw .usage("The URL of PostgreSQL names no host.") }
            let started = options.withParameters { keywords, values in PQconnectStartParams(keywords, values, 0) }
            guard let pointer = started else {
                throw PostgresError(code: .connection, message: "There is no memory for a connection to PostgreSQL.")
            }
            do throws(PostgresError) {
                try shakeHands(pointer, gate: gate, deadline: .now + share, timeout: share)
                return pointer
            } catch {
                PQfinish(pointer)
                guard !hosts.isEmpty, error.isPassedOver, gate.closure == nil else { throw error }
                if error.code == .timeout { silent.append(error) }
            }
        }
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

    static func failure(of pointer: OpaquePointer) -> ConnectFailure {
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
}
