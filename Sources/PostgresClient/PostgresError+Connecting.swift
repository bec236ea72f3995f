/// The knowledge about an attempt to connect when it fails.
struct ConnectFailure {
    /// libpq's error text, in verbose form, which is the only place where it gives the SQLSTATE.
    var text: String
    var host: String
    var port: String
    var database: String
    var user: String
    /// The server asked for a password and none was given.
    var lacksPassword: Bool

    /// Who was to be reached, for people.
    var place: String {
        host.hasPrefix("/") ? "\(host)/.s.PGSQL.\(port)" : ConnectionOptions.place(host, port: port)
    }

    /// The last SQLSTATE in lines like `FATAL:  28P01: password authentication failed…`.
    var sqlState: String? {
        var found: String?
        for line in text.split(whereSeparator: \.isNewline) {
            for part in line.split(separator: ": ", omittingEmptySubsequences: true) {
                let word = part.drop { $0 == " " }
                let isState =
                    word.utf8.count == 5 && word.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
                // Severities in capitals may have five letters too; a state begins with a digit or holds one.
                if isState, word.contains(where: \.isNumber) { found = String(word) }
            }
        }
        return found
    }
}

extension PostgresError {
    /// Says what an attempt to connect met, in words that lead on.
    init(_ failure: ConnectFailure) {
        let sqlState = failure.sqlState
        let (code, message) =
            sqlState.flatMap { Self.refusal(sqlState: $0, failure) }
            ?? Self.tlsTrouble(failure)
            ?? Self.unreachable(failure)
        self.init(code: code, message: message, sqlState: sqlState, underlying: Self.tidy(failure.text))
    }

    /// An answer of the server.
    private static func refusal(sqlState: String, _ failure: ConnectFailure) -> (Code, String)? {
        switch sqlState {
        case "28P01":
            (
                .authentication,
                "PostgreSQL at \(failure.place) refused the password of user \(failure.user). Correct user and password."
            )
        case "28000" where failure.text.contains("pg_hba.conf"):
            (
                .authentication,
                """
                PostgreSQL at \(failure.place) lets nobody in from this address as user \(failure.user) to database \
                \(failure.database). Add a line for it to the server's pg_hba.conf\
                \(failure.text.contains("no encryption") ? ", or use sslmode=verify-full if it wants TLS" : "").
                """
            )
        case "28000" where failure.text.contains("client certificate"):
            (
                .authentication,
                """
                PostgreSQL at \(failure.place) wants a client's certificate from user \(failure.user). Name its file \
                with `sslcert` and its key's with `sslkey` in the URL.
                """
            )
        case "28000":
            (
                .authentication,
                """
                PostgreSQL at \(failure.place) does not accept user \(failure.user). Correct the user, or create it \
                with CREATE ROLE … LOGIN.
                """
            )
        case "08P01" where failure.text.contains("startup parameter"):
            (
                .server(sqlState: sqlState),
                """
                The connection pooler at \(failure.place) takes no settings at connecting. Take `options` out of the URL \
                and give them to the role, with ALTER ROLE … IN DATABASE … SET …, or connect past the pooler.
                """
            )
        case "3D000":
            (
                .server(sqlState: sqlState),
                """
                The database \(failure.database) does not exist at \(failure.place). Correct its name in the URL, or \
                create it with CREATE DATABASE.
                """
            )
        case "55000" where failure.text.contains("not currently accepting connections"):
            (
                .server(sqlState: sqlState),
                """
                The database \(failure.database) at \(failure.place) accepts no connections. Correct its name in the URL, or \
                ALTER DATABASE … ALLOW_CONNECTIONS true.
                """
            )
        case "42501":
            (
                .server(sqlState: sqlState),
                """
                User \(failure.user) may not connect to database \(failure.database) at \(failure.place). \
                GRANT CONNECT ON DATABASE to it.
                """
            )
        default:
            (
                .server(sqlState: sqlState),
                sentences(
                    "PostgreSQL at \(failure.place) refused the connection", serverState(sqlState: sqlState))
            )
        }
    }

    private static func tlsTrouble(_ failure: ConnectFailure) -> (Code, String)? {
        let text = failure.text
        func has(_ words: String) -> Bool { text.contains(words) }
        let advice: String? =
            if has("server does not support SSL") {
                "it offers no TLS. Switch TLS on at the server."
            } else if has("certificate verify failed") {
                """
                its certificate is not signed by a CA that is trusted here, or has expired. Name the file of its CA \
                with `sslrootcert` in the URL, or renew the certificate.
                """
            } else if has("does not match host name") {
                """
                its certificate is for another host name. Use the name that the certificate is for; `hostaddr` may hold \
                the address.
                """
            } else if has("root certificate file") {
                "the file of trusted CAs cannot be read. Name an existing, readable one with `sslrootcert` in the URL."
            } else if has("private key file") || has("certificate file") || has("SSL certificate") {
                "the client's certificate or key (sslcert, sslkey) cannot be used: check files, rights and that they match."
            } else if has("SSL error") || has("SSL SYSCALL error") || has("SSL negotiation") || has("SSL connection") {
                "the TLS handshake failed. Check that a PostgreSQL server listens there and which TLS versions it allows."
            } else {
                nil
            }
        return advice.map { (.connection, "No TLS connection to PostgreSQL at \(failure.place): \($0)") }
    }

    /// No answer, or not one of PostgreSQL.
    private static func unreachable(_ failure: ConnectFailure) -> (Code, String) {
        let text = failure.text
        let place = failure.place
        func has(_ words: String) -> Bool { text.contains(words) }
        if failure.lacksPassword || has("no password supplied") {
            return (
                .authentication,
                "PostgreSQL at \(place) wants a password for user \(failure.user), and none was given. Give one."
            )
        }
        if has("authentication method") || has("SCRAM") || has("channel binding") || has("GSS") || has("SSPI") {
            return (
                .authentication,
                "PostgreSQL at \(place) and this client found no way to sign in. Check pg_hba.conf and the URL's parameters."
            )
        }
        let advice =
            if has("Connection refused") {
                "nothing listens there. Start the server, or correct host and port."
            } else if has("could not translate host name") || has("could not parse network address") {
                "the host name cannot be resolved. Correct it, or look at the name server."
            } else if has("No such file or directory") {
                "there is no such socket. Start the server, or correct host (the socket's folder) and port."
            } else if has("Permission denied") {
                "the socket may not be opened by this process. Correct its rights (unix_socket_permissions)."
            } else if has("No route to host") || has("Network is unreachable") || has("timed out") {
                "the network does not lead there. Check address, routes and firewalls."
            } else if has("session is read-only") || has("hot standby mode") || has("session is not read-only")
                || has("not in hot standby")
            {
                "no server of the URL is what target_session_attrs asks for. Wait for the failover, or correct it."
            } else if has("expected authentication request") || has("invalid response") {
                "what listens there does not speak PostgreSQL's protocol. Correct host and port."
            } else if has("server closed the connection") || has("Connection reset") {
                "it closed the connection before it was ready. Look at the server's log, and try again."
            } else if has("invalid") {
                "a parameter of the URL is wrong. Correct it."
            } else {
                "the attempt failed. Check the URL, the server and its log."
            }
        return (.connection, "PostgreSQL at \(place) cannot be reached: \(advice)")
    }

    /// Whether the next host of the URL is asked, as libpq does it: not after a password was refused.
    var isPassedOver: Bool {
        switch code {
        case .connection, .timeout: true
        case .server(let sqlState): sqlState == "57P03"  // it starts, or stops
        case .authentication, .cancelled, .closed, .usage: false
        }
    }

    /// Opening took longer than allowed; `phase` says what it was waiting for.
    static func connectTimeout(
        _ timeout: Duration, place: String, phase: String,
        advice: String = "Check host, port, firewalls and that the server is alive."
    ) -> PostgresError {
        PostgresError(
            code: .timeout,
            message: "PostgreSQL at \(place) did not accept a connection within \(timeout): \(phase). \(advice)")
    }
}
