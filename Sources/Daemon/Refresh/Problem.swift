internal import CacheRefresh
internal import PostgresClient
internal import RedisClient

/// Why a pass failed, for people, and by kind, so that the same trouble is told once.
struct Problem {
    /// Equal for errors that have the same cause and the same remedy.
    let kind: String
    let text: String
    /// Somebody else may hold the lease: worth a renewal at once.
    let castsDoubtOnLease: Bool

    init(_ error: any Error) {
        switch error {
        case let error as PostgresError:
            self.init("postgres \(error.code)", Self.withoutData(error))
        case let error as DatasetError:
            self.init("dataset \(error.problem)", "\(error)")
        case Fence.Failure.fenced(let epoch):
            self.init("fenced", "another term holds the fence, epoch \(epoch)", castsDoubtOnLease: true)
        case Fence.Failure.leaseLost:
            self.init("lease lost", "the lease is not this term's any longer", castsDoubtOnLease: true)
        case Fence.Failure.outranked(let epoch):
            self.init("outranked", "the target has seen a later term, epoch \(epoch): this one is given up")
        case Fence.Failure.gap:
            self.init("gap", "a batch is missing at redis; it will be sent again", castsDoubtOnLease: true)
        case Fence.Failure.redis(let error), let error as RedisError:
            self.init("redis \(error.code)", "\(error)")
        default:
            self.init("\(type(of: error))", "\(error)")
        }
    }

    /// PostgreSQL quotes values of rows and parts of statements in messages of some kinds: they are nobody's who reads
    /// the log. `baton check` shows them to whoever has the configuration.
    private static func withoutData(_ error: PostgresError) -> String {
        let text = "\(error)"
        guard let state = error.sqlState, state.hasPrefix("22") || state == "42601" else { return text }
        // What stands in quotes, up to the last one: a value may have some of its own.
        guard let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""), first < last else {
            return text
        }
        return text[...first] + "…" + text[last...]
    }

    private init(_ kind: String, _ text: String, castsDoubtOnLease: Bool = false) {
        self.kind = kind
        self.text = text
        self.castsDoubtOnLease = castsDoubtOnLease
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
