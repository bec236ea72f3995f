internal import CacheRefresh
internal import PostgresClient
internal import RedisClient

/// Compares everything in a cache with the database that it was made from.
///
/// Rows are streamed and values read in bulk; all that grows with the database is 16 bytes a key, to find keys that
/// belong to no row. Neither side should change meanwhile.
struct Verification: Sendable {
    let postgres: PostgresConfiguration
    let reader: CacheReader
    let keyPrefix: String
    /// When the first key may have been written.
    let start: ContinuousClock.Instant

    /// - Parameter progress: is told the number of values compared so far.
    /// - Returns: a verdict for each dataset in order, and one named `other keys` if there are keys of no dataset.
    func run(_ datasets: [Dataset], progress: (Int) -> Void = { _ in }) async throws -> [DatasetVerdict] {
        let connection = try await PostgresConnection.connect(postgres)
        var verdicts: [DatasetVerdict] = []
        var accounted = Set<UInt64>()
        for dataset in datasets {
            let compared = verdicts.reduce(0) { $0 + $1.keys }
            verdicts.append(
                try await compare(dataset, on: connection, accounted: &accounted) { progress(compared + $0) })
        }
        await connection.close()
        try await findExtraKeys(datasets, accounted, &verdicts)
        return verdicts
    }

    // MARK: What should be there

    private static let keysPerQuestion = 500
    private static let questionsInFlight = 4

    private struct Question {
        let keys: [[UInt8]]
        let rows: [PostgresRow]
        let family: Int
        let answer: CacheReader.Answer
    }

    private func compare(
        _ dataset: Dataset, on connection: PostgresConnection, accounted: inout Set<UInt64>, progress: (Int) -> Void
    ) async throws -> DatasetVerdict {
        let expectation = Expectation(dataset: dataset, keyPrefix: keyPrefix)
        var verdict = DatasetVerdict(dataset: dataset.name)
        var questions: [Question] = []
        let stream = try await connection.rows(expectation.statement())
        while let chunk = try await stream.next() {
            verdict.rows += chunk.count
            for family in dataset.keys.indices {
                for start in stride(from: 0, to: chunk.count, by: Self.keysPerQuestion) {
                    let rows = chunk[start..<min(start + Self.keysPerQuestion, chunk.count)]
                        .filter { $0.bytes(at: 2 * family) != nil }
                    let keys = rows.map { $0.bytes(at: 2 * family) ?? [] }
                    for key in keys { accounted.insert(Self.fingerprint(key)) }
                    questions.append(Question(keys: keys, rows: rows, family: family, answer: reader.ask(keys)))
                }
            }
            while questions.count > Self.questionsInFlight {
                try await judge(questions.removeFirst(), expectation, &verdict)
            }
            progress(verdict.keys)
        }
        for question in questions { try await judge(question, expectation, &verdict) }
        progress(verdict.keys)
        return verdict
    }

    private func judge(
        _ question: Question, _ expectation: Expectation, _ verdict: inout DatasetVerdict
    ) async throws {
        let values = try await question.answer.values()
        let dataset = expectation.dataset
        let timesToLive = expectation.timesToLive(age: .now - start)
        let isHash = dataset.format == .hash && dataset.keys[question.family].value == .row
        verdict.keys += question.keys.count
        for ((key, row), value) in zip(zip(question.keys, question.rows), values) {
            guard dataset.mode != .invalidate else {
                verdict.judgeInvalidated(key, value)
                continue
            }
            let judgement = row.withBytes(at: 2 * question.family + 1) {
                Judgement(value.content, expected: UnsafeRawBufferPointer($0), isHash: isHash)
            }
            verdict.take(judgement ?? .different("has no value to compare with"), of: key, mode: dataset.mode)
            if judgement == .equal, let timesToLive, !timesToLive.contains(value.timeToLiveMilliseconds) {
                verdict.wrongTTL += 1
                verdict.note(key, Self.words(ttl: value.timeToLiveMilliseconds, timesToLive))
            }
        }
    }

    private static func words(ttl: Int64, _ right: ClosedRange<Int64>) -> String {
        let found = ttl < 0 ? "never ends" : "ends in \(ttl / 1000) s"
        return "\(found), should end in \(right.lowerBound / 1000) to \(right.upperBound / 1000) s"
    }

    // MARK: What should not

    private func findExtraKeys(
        _ datasets: [Dataset], _ accounted: Set<UInt64>, _ verdicts: inout [DatasetVerdict]
    ) async throws {
        let expectations = datasets.map { Expectation(dataset: $0, keyPrefix: keyPrefix) }
        let own = Array("\(keyPrefix){baton:".utf8)
        var others = DatasetVerdict(dataset: "other keys")
        var seen = Set<[UInt8]>()
        try await reader.forEachPage { keys in
            for key in keys where !accounted.contains(Self.fingerprint(key)) && !key.starts(with: own) {
                // What is found twice by SCAN counts once; only strays are remembered for that.
                guard seen.insert(key).inserted else { continue }
                if let place = expectations.firstIndex(where: { $0.covers(key) }) {
                    guard !expectations[place].leavesKeysBehind else { continue }
                    verdicts[place].extra += 1
                    verdicts[place].note(key, "belongs to no row")
                } else {
                    others.extra += 1
                    others.note(key, "belongs to no dataset")
                }
            }
        }
        if others.extra > 0 { verdicts.append(others) }
    }

    /// Eight bytes that stand for a key; two keys of a million share them once in thirty million runs.
    private static func fingerprint(_ key: [UInt8]) -> UInt64 { UInt64(bitPattern: Int64(key.hashValue)) }
}

extension DatasetVerdict {
    fileprivate mutating func take(_ judgement: Judgement, of key: [UInt8], mode: Dataset.WriteMode) {
        switch judgement {
        case .equal: equal += 1
        case .missing where mode == .existing: keys -= 1
        case .missing:
            missing += 1
            note(key, "is missing")
        case .different(let words):
            different += 1
            note(key, words)
        }
    }

    /// What the application had cached before must be gone, so that it reads the row anew.
    fileprivate mutating func judgeInvalidated(_ key: [UInt8], _ value: CachedValue) {
        if value.content == .absent {
            equal += 1
        } else {
            different += 1
            note(key, "was not invalidated")
        }
    }
}
