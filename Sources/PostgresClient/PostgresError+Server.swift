extension PostgresError {
    /// Reads the error that the server (or libpq in its place) reported as the result of a statement.
    init(_ result: borrowing ResultHandle) {
        guard let sqlState = result.errorField("C") else {
            self = .lost(Self.tidy(result.errorText))
            return
        }
        let details = [result.errorField("D"), result.errorField("W").map { "Context: \($0)" }].compactMap { $0 }
        let words = result.errorField("M") ?? "The server reported an error without a message"
        self.init(
            code: .server(sqlState: sqlState),
            message: Self.sentences(words, Self.advice(sqlState: sqlState, words: words)),
            sqlState: sqlState,
            hint: result.errorField("H"),
            detail: details.isEmpty ? nil : details.joined(separator: "\n")
        )
    }

    /// What usually helps, for errors that say too little about it.
    private static func advice(sqlState: String, words: String) -> String? {
        switch sqlState {
        case "57014" where words.contains("statement timeout"):
            "Raise `postgres.statementTimeout`, or make the statement faster (EXPLAIN shows where its time goes; one that "
                + "waited for a lock stood in pg_locks with `granted` false)."
        case "57014": "Somebody or something cancelled it (pg_cancel_backend)."
        case "25006":
            "Statements here may only read: take out what writes, also in the functions and views that it uses (SELECT … "
                + "FOR UPDATE and nextval write too)."
        case "0A000" where words.contains("data-modifying"):
            "Statements here may only read: take INSERT, UPDATE, DELETE and MERGE out."
        case "42501" where words.contains("row-level security"):
            "Let a policy show this user all rows of the table, or give the user BYPASSRLS."
        case "42501": "GRANT it to the user of this connection, or connect as another user."
        case "42P01", "42703", "42883", "3F000": "Check the spelling, the search_path, and that migrations have run."
        case "55000" where words.contains("has not been populated"):
            "Fill it with REFRESH MATERIALIZED VIEW."
        case "55000":
            "What it uses is not in a state for this: put that right as the message says; the next try then succeeds."
        case "55P03": "Another transaction holds the lock; try again, or find it in pg_locks."
        case "40001", "40P01": "Run the transaction again."
        case "53100": "Free disk space on the server."
        case "57P01", "57P02", "57P05": "Open a new connection."
        default: serverState(sqlState: sqlState)
        }
    }

    /// What helps against errors that also meet a connection that is only just being opened.
    static func serverState(sqlState: String) -> String? {
        switch sqlState {
        case "53300":
            "The server has no free connection: close some, raise max_connections, or put a pooler in front of it."
        case "57P03": "The server is starting up, shutting down or recovering: try again in a moment."
        case "57P01", "57P02": "The server is being stopped or restarted: try again in a moment."
        default: nil
        }
    }

    /// Joins what happened and what to do; servers end their messages without a full stop.
    static func sentences(_ words: String, _ advice: String?) -> String {
        guard let advice else { return words }
        return words.hasSuffix(".") ? "\(words) \(advice)" : "\(words). \(advice)"
    }

    /// Puts libpq's words, often several lines with a source location, on one line.
    static func tidy(_ text: String) -> String? {
        let lines = text.split(whereSeparator: \.isNewline)
            .map { String($0.drop(while: \.isWhitespace)) }
            // libpq's advice to leave the server unverified is not ours.
            .filter { !$0.isEmpty && !$0.hasPrefix("LOCATION:") && !$0.contains("change sslmode to disable") }
        return lines.isEmpty ? nil : lines.joined(separator: " ")
    }
}
