internal import BatonConfiguration
package import PostgresClient

/// Settings under which the text of a value is always the same, whatever server, database, role, or another client of
/// a pooler asks for.
///
/// The encoding is not among them: the client sees to it, and leaves text of an `SQL_ASCII` database as it is, which
/// PostgreSQL would otherwise refuse whole at the first byte that is not UTF-8.
package enum PostgresSession {
    package static let settings: [(String, String)] = [
        ("TimeZone", "UTC"),
        ("DateStyle", "ISO, MDY"),
        ("IntervalStyle", "postgres"),
        ("bytea_output", "hex"),
        ("extra_float_digits", "1"),
        ("lc_monetary", "C"),
        ("xmlbinary", "base64"),
        // How a dataset's own SQL is read, and how plans and definitions are shown.
        ("xmloption", "content"),
        ("array_nulls", "on"),
        ("standard_conforming_strings", "on"),
        ("quote_all_identifiers", "off"),
        // A replica that was frozen holds no snapshot for longer; the pauses of one that works are milliseconds.
        ("idle_in_transaction_session_timeout", "60s"),
    ]
}

extension Configuration {
    /// How connections to PostgreSQL are made.
    package var postgresConfiguration: PostgresConfiguration {
        PostgresConfiguration(
            url: postgres.url, password: postgres.password, applicationName: "baton",
            statementTimeout: postgres.statementTimeout, settings: PostgresSession.settings, isReadOnly: true)
    }
}
