internal import CLibpq

extension Session {
    /// Finds out what shall hold in each transaction, and tries it.
    ///
    /// One round trip, and two more if the URL asks for settings. All of it in a transaction, so that nothing is left
    /// behind.
    func prepareSettings(
        _ configuration: PostgresConfiguration, deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        let late = PostgresError.connectTimeout(
            configuration.connectTimeout, place: Self.failure(of: pointer).place,
            phase: "signed in, but the first question was not answered",
            advice:
                "Where a pooler stands in front, give it a session for each connection (PgBouncer: pool_size); else see "
                + "whether the server is overloaded.")
        do throws(PostgresError) {
            try prepareSettings(configuration, (deadline, late))
        } catch {
            guard case .server = error.code else { throw error }
            var error = error
            error.message =
                error.message.contains("statement pooling")
                ? "The pooler gives each statement another session, and Baton reads in transactions. Let it pool "
                    + "transactions or sessions (PgBouncer: pool_mode), or connect past it."
                : "The connection's settings were refused: \(error.message)"
            throw error
        }
    }

    private func prepareSettings(
        _ configuration: PostgresConfiguration, _ deadline: (instant: ContinuousClock.Instant, error: PostgresError)
    ) throws(PostgresError) {
        // A database in SQL_ASCII has no conversions: asked for UTF8, it refuses to send whatever is not.
        let encoding = parameter("server_encoding") == "SQL_ASCII" ? "SQL_ASCII" : "UTF8"
        let wanted =
            configuration.settings.map { (name: $0.0, value: $0.1) } + [(name: "client_encoding", value: encoding)]
        let names = Set(wanted.map { $0.name.lowercased() }).union(TransactionSettings.limits)
        var asked = startupOptions.parameters.filter { !names.contains($0.name) }

        var facts: [String?] = []
        let opening = settings.commands(for: .init())
        var commands = opening + [.run(Self.facts)]
        if asked.isEmpty { commands.append(TransactionSettings.command(setting: wanted)) }
        try runPipeline(
            [commands] + (asked.isEmpty ? [[.run("COMMIT")]] : []), until: deadline
        ) { (result) throws(PostgresError) in
            guard result.kind == .rows, facts.isEmpty else { return }
            facts = Self.onlyRow(of: result)
        }
        guard facts.count == 2 else { throw .usage("PostgreSQL did not say what the session's settings are.") }
        var path = facts[1] ?? ""
        if !asked.isEmpty {
            try askBack(&asked, deadline)
            if let own = asked.first(where: { $0.name == "search_path" }) { path = own.value }
            let last: [Command] = [TransactionSettings.command(setting: wanted)]
            try runPipeline([last, [.run("COMMIT")]], until: deadline) { (_) throws(PostgresError) in }
        }
        settings.values = asked.map { (name: $0.name, value: $0.value) }
        settings.values.append(("search_path", path.isEmpty ? "pg_temp" : "\(path), pg_temp"))
        // Else the server works on until it has something to send, also when a request to cancel came before it had
        // begun. Some systems can't do it and refuse the parameter.
        if facts[0] == "t" { settings.values.append(("client_connection_check_interval", "1s")) }
        settings.values += wanted
    }

    /// Whether the server can notice while it works that this client has gone, and the `search_path` that the session
    /// began with, whatever another client of a pooler has made of it.
    private static let facts = """
        SELECT pg_catalog.current_setting('server_version_num')::int >= 140000 AND pg_catalog.version() LIKE '%linux%',
            (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path')
        """

    private static func onlyRow(of result: borrowing ResultHandle) -> [String?] {
        var batch = RowBatchBuilder(columns: result.columns)
        batch.append(result)
        guard let row = batch.finish().first else { return [] }
        return (0..<row.count).map { row[$0] }
    }

    // MARK: What the URL asks for

    /// What libpq sent at connecting as `options`: of the URL, of a service file, or of `PGOPTIONS`.
    private var startupOptions: StartupOptions {
        guard let options = PQconninfo(pointer) else { return StartupOptions("") }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if String(cString: keyword) == "options", let value = option.pointee.val {
                return StartupOptions(String(cString: value))
            }
            option += 1
        }
        return StartupOptions("")
    }

    /// Throws unless the session has the settings that it was asked for. It leaves them set in the transaction.
    ///
    /// - Parameter asked: keeps those that a transaction may set.
    private func askBack(
        _ asked: inout [StartupOptions.Parameter], _ deadline: (instant: ContinuousClock.Instant, error: PostgresError)
    ) throws(PostgresError) {
        let questions = asked.indices.map { place in
            """
            pg_catalog.current_setting($\(place + 1), true), EXISTS (
                SELECT FROM pg_catalog.pg_settings
                WHERE pg_catalog.lower(name) = $\(place + 1) AND context NOT IN ('user', 'superuser'))
            """
        }
        var answers: [String?] = []
        try runPipeline(
            [[.run("SELECT \(questions.joined(separator: ", "))", asked.map(\.name))]], until: deadline
        ) { (result) throws(PostgresError) in answers = Self.onlyRow(of: result) }
        var found: [String?] = []
        var settable: [StartupOptions.Parameter] = []
        for (place, parameter) in asked.enumerated() where answers.count > 2 * place + 1 {
            // What can't be set later, such as `log_connections`, changes nothing for a reader.
            guard answers[2 * place + 1] == "f" else { continue }
            settable.append(parameter)
            found.append(answers[2 * place])
        }
        asked = settable
        guard !asked.isEmpty else { return }
        // The server's own spelling of what was asked for: `65536kB` is `64MB`.
        var wanted: [String?] = []
        try runPipeline(
            [[TransactionSettings.command(setting: asked.map { (name: $0.name, value: $0.value) })]], until: deadline
        ) { (result) throws(PostgresError) in wanted = Self.onlyRow(of: result) }
        for (parameter, (wanted, found)) in zip(asked, zip(wanted, found)) where wanted != found {
            throw .lostOption(parameter, found: found)
        }
    }
}

extension PostgresError {
    /// What the URL asks for did not arrive.
    static func lostOption(_ asked: StartupOptions.Parameter, found: String?) -> PostgresError {
        .usage(
            """
            The URL (options=-c…) or $PGOPTIONS asks for \(asked.name) = \(asked.value), but the session has \
            \(found.map { $0.isEmpty ? "an empty one" : $0 } ?? "none"): a connection pooler in between drops what is asked \
            for at connecting (PgBouncer: ignore_startup_parameters = options). Take it out of the URL and give it to the \
            role, with ALTER ROLE … IN DATABASE … SET \(asked.name) = …, or connect past the pooler.
            """)
    }
}
