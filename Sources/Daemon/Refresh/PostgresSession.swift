internal import PostgresClient

/// Settings under which the text of a value is always the same, whatever the server's defaults are.
enum PostgresSession {
    static let settings: [(String, String)] = [
        ("client_encoding", "UTF8"),
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
            statementTimeout: postgres.statementTimeout, responseTimeout: postgres.statementTimeout,
            settings: PostgresSession.settings)
    }
}
