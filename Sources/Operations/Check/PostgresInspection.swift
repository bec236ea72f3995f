internal import DatasetReading
internal import Formatting
internal import PostgresClient

/// Looks at the PostgreSQL server.
struct PostgresInspection {
    let connection: PostgresConnection
    /// The hosts of the URL.
    let hosts: [String]
    /// How long a transaction may keep the gate open before that is told.
    var gatePatience = GateWatch.patience

    static let oldestVersion = 130_000

    /// What the URL alone tells.
    static func findings(on configuration: PostgresConfiguration) -> [Finding] {
        let hosts = configuration.places
        guard hosts.count > 1, !configuration.wantsPrimary else { return [] }
        return [
            .warning(
                "The URL names several hosts (\(hosts.joined(separator: ", "))), of which any may answer: one that lags "
                    + "behind what was read already holds reads up, and each change of the host reads everything anew",
                "Add `target_session_attrs=read-write` to the URL, or name one host")
        ]
    }

    func inspect(_ section: inout CheckReport.Section) async throws(PostgresError) -> ServerIdentity? {
        let row = try await connection.query(
            """
            select current_setting('server_version'), pg_is_in_recovery(), current_setting('server_encoding'),
                   current_database(), current_user, (select rolsuper from pg_roles where rolname = current_user)
            """
        ).first
        let version = row?[0] ?? "of unknown version"
        let isStandby = row?[1] == "t"
        let encoding = row?[2] ?? ""
        section.add("server", "PostgreSQL \(version), \(isStandby ? "standby" : "primary")", json: .text(version))
        section.add("database", "\(row?[3] ?? ""), \(encoding), as \(row?[4] ?? "")")
        if connection.serverVersion < Self.oldestVersion {
            section.findings.append(.problem("PostgreSQL \(version) is too old", "Use version 13 or newer"))
        }
        if encoding == "SQL_ASCII" {
            section.findings.append(
                .warning(
                    "The database is in SQL_ASCII, which takes any bytes for text; rows that are not UTF-8 are set aside",
                    "Move the data to a database in UTF8"))
        }
        for silence in connection.silentHosts {
            section.findings.append(
                .warning(
                    "\(silence.message) Each new connection waits as long for it before it asks the next host of the URL",
                    "Until it answers, take it out of the URL or name it last"))
        }
        if let exposure = Exposure.finding(connection, hosts: hosts) { section.findings.append(exposure) }
        if isStandby {
            section.findings.append(
                .note(
                    "This is a standby: the cache lags behind the primary as far as it does, and a read may be cancelled "
                        + "by recovery (`hot_standby_feedback = on` avoids that)"))
        }
        if row?[5] == "t" {
            section.findings.append(
                .note(
                    "The user is a superuser, which Baton does not need", "`baton check --grants` prints what it needs")
            )
        }
        if let open = try await OpenTransaction.find(on: connection), let age = open.age, age >= gatePatience {
            section.findings.append(
                .warning(
                    "A transaction has been open for long, and while it is, each tick reads all rows: it is \(open)",
                    "Find out who forgot it: `select * from pg_stat_activity`, `select * from pg_prepared_xacts`"))
        }
        do throws(PostgresError) {
            return try await ServerIdentity.read(from: connection)
        } catch {
            guard error.sqlState != nil else { throw error }
            section.findings.append(
                .problem(
                    "The user may not ask which server this is (\(error.message))",
                    "Give it what `baton check --grants` prints"))
            return nil
        }
    }
}
