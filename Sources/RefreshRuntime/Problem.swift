internal import CacheRefresh
internal import DatasetReading
internal import PostgresClient
internal import RedisClient

/// Why a pass failed, for people, and by kind, so that the same trouble is told once.
package struct Problem {
    /// Equal for errors that have the same cause and the same remedy.
    let kind: String
    package let text: String
    /// Somebody else may hold the lease: worth a renewal at once.
    let castsDoubtOnLease: Bool
    /// A connection to Redis was closed for it, or found closed: another one may do better at once.
    let endedConnection: Bool

    package init(_ error: any Error) {
        switch error {
        case let error as PostgresError:
            self.init("postgres \(error.code)", Self.withoutData(error))
        case let error as ServerLag:
            self.init("lag", "\(error)")
        case let error as DatasetError:
            self.init("dataset \(error.problem)", error.text)
        case Fence.Failure.fenced(let epoch):
            self.init("fenced", "another term holds the fence, epoch \(epoch)", castsDoubtOnLease: true)
        case Fence.Failure.leaseLost:
            self.init("lease lost", "the lease is not this term's any longer", castsDoubtOnLease: true)
        case Fence.Failure.outranked(let epoch):
            self.init("outranked", "the target has seen a later term, epoch \(epoch): this one is given up")
        case Fence.Failure.gap:
            self.init("gap", "a batch is missing at redis; it will be sent again", castsDoubtOnLease: true)
        case Fence.Failure.redis(let error), let error as RedisError:
            self.init("redis \(error.code)", Self.withoutData(error), endedConnection: error.endsConnection)
        default:
            self.init("\(type(of: error))", "\(error)")
        }
    }

    /// Kinds of SQLSTATE whose messages name servers, tables and settings, but hold no values: connections, features,
    /// transactions, permissions, catalogs, names and types, states, resources, operators, the system.
    private static let harmless: Set<String> = [
        "08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58",
    ]

    /// PostgreSQL's messages of some kinds hold values of rows or parts of statements, and those that a function raises
    /// may hold anything: they are nobody's who reads the log. `baton check` shows them to whoever has the
    /// configuration.
    private static func withoutData(_ error: PostgresError) -> String {
        guard let state = error.sqlState else { return "\(error)" }
        if state != "42601", harmless.contains(String(state.prefix(2))) { return "\(error)" }
        guard state.hasPrefix("22") || state == "42601" else {
            return "PostgreSQL refused it in words that may hold data: `baton check` shows them. [SQLSTATE \(state)]"
        }
        let text = "\(error)".unicodeScalars
        // What stands in quotes, up to the last one: a value may have some of its own, and marks that combine with
        // them. Other languages have others.
        let quotes = Set("\"«»„“”".unicodeScalars)
        guard let first = text.firstIndex(where: quotes.contains), let last = text.lastIndex(where: quotes.contains),
            first < last
        else { return String(text) }
        return String(text[...first]) + "…" + String(text[last...])
    }

    /// Redis repeats the words of a command that it does not know, keys and values among them.
    private static func withoutData(_ error: RedisError) -> String {
        let text = "\(error)".unicodeScalars
        guard let words = text.firstRange(of: "with args beginning with".unicodeScalars) else { return String(text) }
        return String(text[..<words.lowerBound]) + "…"
    }

    private init(
        _ kind: String, _ text: String, castsDoubtOnLease: Bool = false, endedConnection: Bool = false
    ) {
        self.kind = kind
        self.text = text
        self.castsDoubtOnLease = castsDoubtOnLease
        self.endedConnection = endedConnection
    }
}

/// Trouble that lasts: worth telling when it begins or becomes another one, and then once a minute, so that a log of
/// the last minutes always says what is wrong.
struct LastingProblem {
    static let span = Duration.seconds(60)

    private var told: (kind: String, at: Duration)?

    /// - Parameter now: on a clock that only goes forward.
    mutating func isWorthTelling(_ problem: Problem, at now: Duration) -> Bool {
        if let told, told.kind == problem.kind, now - told.at < Self.span { return false }
        told = (problem.kind, now)
        return true
    }

    /// - Returns: whether there was any.
    mutating func isOver() -> Bool {
        defer { told = nil }
        return told != nil
    }
}
