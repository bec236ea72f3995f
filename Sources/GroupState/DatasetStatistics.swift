internal import Formatting
package import JSON

/// How one dataset was refreshed within the last minute.
package struct DatasetStatistics: Hashable, Sendable {
    /// Passes that read rows; ticks at which nothing can have changed are none.
    package var passes: Int
    /// How long they took, on average; nil if there was none.
    package var passMilliseconds: Double?
    package var longestPassMilliseconds: Double?
    /// The time from the begin of a tick to that of the next, on average; nil if there was only one.
    package var intervalMilliseconds: Double?
    package var longestIntervalMilliseconds: Double?
    /// Statements sent to PostgreSQL.
    package var queriesPerSecond: Double
    /// Operations sent to Redis: keys written, deleted and renewed, and those that a takeover compares.
    package var writesPerSecond: Double
    /// Ticks that failed.
    package var failures: Int
    /// Why the last tick failed; nil if it did not.
    package var problem: String?
    /// The reason why the gate stays open for long, so that each tick reads all rows; nil if it does not.
    package var gate: String?
    /// How long the tick that goes on has taken so far; nil between ticks.
    package var runningMilliseconds: Double?
    /// How long ago a tick last succeeded in this term; nil if none has yet.
    package var sinceSuccessMilliseconds: Double?
    /// The deletions that the brake holds; nil if it holds none.
    package var held: Held?

    package init(
        passes: Int, passMilliseconds: Double? = nil, longestPassMilliseconds: Double? = nil,
        intervalMilliseconds: Double? = nil,
        longestIntervalMilliseconds: Double? = nil, queriesPerSecond: Double, writesPerSecond: Double, failures: Int,
        problem: String? = nil, gate: String? = nil, runningMilliseconds: Double? = nil,
        sinceSuccessMilliseconds: Double? = nil, held: Held? = nil
    ) {
        self.passes = passes
        self.passMilliseconds = passMilliseconds
        self.longestPassMilliseconds = longestPassMilliseconds
        self.intervalMilliseconds = intervalMilliseconds
        self.longestIntervalMilliseconds = longestIntervalMilliseconds
        self.queriesPerSecond = queriesPerSecond
        self.writesPerSecond = writesPerSecond
        self.failures = failures
        self.problem = problem
        self.gate = gate
        self.runningMilliseconds = runningMilliseconds
        self.sinceSuccessMilliseconds = sinceSuccessMilliseconds
        self.held = held
    }

    /// Deletions that the brake holds.
    package struct Held: Hashable, Sendable {
        package var keys: Int
        /// How long they have been held.
        package var forMilliseconds: Double
        /// How long until they are done, unless an operator confirms them before.
        package var leftMilliseconds: Double

        package init(keys: Int, forMilliseconds: Double, leftMilliseconds: Double) {
            self.keys = keys
            self.forMilliseconds = forMilliseconds
            self.leftMilliseconds = leftMilliseconds
        }
    }

    /// How many characters of a problem are kept.
    package static let problemLimit = 1000

    var json: JSONText {
        func decimal(_ value: Double?) -> JSONText { value.map { .decimal($0) } ?? .null }
        return .fields([
            "passes": .number(passes), "passMilliseconds": decimal(passMilliseconds),
            "longestPassMilliseconds": decimal(longestPassMilliseconds),
            "intervalMilliseconds": decimal(intervalMilliseconds),
            "longestIntervalMilliseconds": decimal(longestIntervalMilliseconds),
            "databaseQueriesPerSecond": .decimal(queriesPerSecond), "redisWritesPerSecond": .decimal(writesPerSecond),
            "failures": .number(failures), "problem": problem.map { .text($0) } ?? .null,
            "runningMilliseconds": decimal(runningMilliseconds),
            "sinceSuccessMilliseconds": decimal(sinceSuccessMilliseconds),
            "held": held.map { held in
                .fields([
                    "keys": .number(held.keys), "forMilliseconds": .decimal(held.forMilliseconds),
                    "leftMilliseconds": .decimal(held.leftMilliseconds),
                ])
            } ?? .null,
            "gate": gate.map { .text($0) } ?? .null,
        ])
    }
}

extension DatasetStatistics {
    /// A tick that goes on for longer than people expect is worth telling.
    private static let patienceMilliseconds = 10_000.0

    /// How long a tick has gone on, in words; nil if that is not long.
    package var slowness: String? {
        guard let running = runningMilliseconds, running >= Self.patienceMilliseconds else { return nil }
        let first = sinceSuccessMilliseconds == nil ? "; none has succeeded yet in this term" : ""
        return "goes on for \(Self.age(running))\(first)"
    }

    fileprivate static func age(_ milliseconds: Double) -> String {
        TextLayout.age(Int64(exactly: milliseconds.rounded()) ?? 0)
    }
}

extension DatasetStatistics.Held {
    package var text: String {
        "\(TextLayout.count(keys, "deletion")) held for \(DatasetStatistics.age(forMilliseconds)), done in "
            + DatasetStatistics.age(leftMilliseconds)
    }
}

/// Reads statistics that stand in Redis, where anybody may have written them.
private struct FigureReader {
    let value: JSONValue
    /// Whether all that were read were in reason.
    private(set) var isSound = true

    init(_ value: JSONValue) { self.value = value }

    mutating func figure(_ name: String, from lowest: Double = 0) -> Double? {
        switch value[name] {
        case nil, .null?: return nil
        case let member?:
            guard let figure = member.double, (lowest...Double(KeptNumber.highest)).contains(figure) else {
                isSound = false
                return nil
            }
            return figure
        }
    }

    mutating func count(_ name: String) -> Int? { figure(name).flatMap { Int(exactly: $0) } }
}

extension DatasetStatistics {
    /// - Parameter value: as ``json`` writes it; nil for anything else, and if a figure is out of all reason. Unknown
    ///   members are ignored.
    package init?(_ value: JSONValue) {
        var reader = FigureReader(value)
        guard let passes = reader.count("passes"), let failures = reader.count("failures"),
            let queries = reader.figure("databaseQueriesPerSecond"), let writes = reader.figure("redisWritesPerSecond")
        else { return nil }
        var held: Held?
        if let found = value["held"], found != .null {
            held = Held(found)
            guard held != nil else { return nil }
        }
        self.init(
            passes: passes, passMilliseconds: reader.figure("passMilliseconds"),
            longestPassMilliseconds: reader.figure("longestPassMilliseconds"),
            intervalMilliseconds: reader.figure("intervalMilliseconds"),
            longestIntervalMilliseconds: reader.figure("longestIntervalMilliseconds"), queriesPerSecond: queries,
            writesPerSecond: writes, failures: failures, problem: value["problem"]?.string,
            gate: value["gate"]?.string,
            runningMilliseconds: reader.figure("runningMilliseconds"),
            sinceSuccessMilliseconds: reader.figure("sinceSuccessMilliseconds"), held: held)
        guard reader.isSound else { return nil }
    }
}

extension DatasetStatistics.Held {
    package init?(_ value: JSONValue) {
        var reader = FigureReader(value)
        // What is overdue is below zero.
        guard let keys = reader.count("keys"), let age = reader.figure("forMilliseconds"),
            let left = reader.figure("leftMilliseconds", from: -Double(KeptNumber.highest))
        else { return nil }
        self.init(keys: keys, forMilliseconds: age, leftMilliseconds: left)
    }
}
