internal import PostgresClient

/// Settings under which the text of a value is always the same, whatever the server's defaults are.
///
/// Not the encoding: the client sees to it, and leaves text of an `SQL_ASCII` database as it is, which PostgreSQL would
/// otherwise refuse whole at the first byte that is not UTF-8.
enum PostgresSession {
    static let settings: [(String, String)] = [
        ("TimeZone", "UTC"),
        ("DateStyle", "ISO, MDY"),
        ("IntervalStyle", "postgres"),
        ("bytea_output", "hex"),
        ("extra_float_digits", "1"),
    ]
}

extension Configuration {
    /// How connections to PostgreSQL are made.
    var postgresConfiguration: PostgresConfiguration {
        PostgresConfiguration(
            url: postgres.url, password: postgres.password, applicationName: "baton",
            statementTimeout: postgres.statementTimeout, settings: PostgresSession.settings)
    }
}
