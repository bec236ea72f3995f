import CacheRefresh
import LocalStack
import RedisClient
import Testing

@testable import GroupState

@Suite("write.lua, operation by operation")
struct WriteScriptTests {
    /// What one operation makes of what a key holds. A key is shown by its type, its content, and its TTL as `old`
    /// (50 s, from before), `new` (90 s) or `none`.
    struct Case: Sendable, CustomTestStringConvertible {
        let operation: String
        let arguments: [String]
        var before: [[String]] = []
        let after: String
        var answer = ""

        init(
            _ operation: String, _ arguments: [String] = [], on before: [[String]] = [], _ after: String,
            _ answer: String = ""
        ) {
            (self.operation, self.arguments, self.before) = (operation, arguments, before)
            (self.after, self.answer) = (after, answer)
        }

        var testDescription: String { "\(operation) on \(before) → \(after) \(answer)" }
    }

    static let old = ["PEXPIRE", "key", "50000"]
    static let aString = ["SET", "key", "a"]
    static let aList = ["RPUSH", "key", "x"]
    static let aHash = ["HSET", "key", "f", "1", "g", ""]
    static let otherHash = ["HSET", "key", "f", "1", "h", "2"]
    static let set = ["b", "90000"]
    static let same = ["a", "90000"]
    static let fields = ["90000", "2", "f", "1", "g", ""]

    static let cases: [Case] = [
        // Store a string.
        Case("S", set, "string b new"),
        Case("S", set, on: [aString, old], "string b new"),
        Case("S", set, on: [aList, old], "string b new"),
        Case("S", same, on: [aString, old], "string a new"),
        Case("S", ["", "90000"], "string  new"),
        // Compare and store a string: what is right is kept, with its TTL if it has one.
        Case("C", set, "string b new"),
        Case("C", set, on: [aString, old], "string b new"),
        Case("C", set, on: [aHash, old], "string b new"),
        Case("C", same, on: [aString, old], "string a old", "kept old"),
        Case("C", same, on: [aString], "string a new", "kept new"),
        // Delete.
        Case("D", [], "none"),
        Case("D", [], on: [aString], "none"),
        Case("D", [], on: [aHash, old], "none"),
        // Renew.
        Case("T", ["90000"], "none", "missing"),
        Case("T", ["90000"], on: [aString, old], "string a new"),
        Case("T", ["90000"], on: [aHash], "hash f=1 g= new"),
        Case("t", ["90000", "2"], "none", "missing"),
        Case("t", ["90000", "2"], on: [aHash, old], "hash f=1 g= new"),
        Case("t", ["90000", "0"], on: [aHash], "hash f=1 g= new"),
        Case("t", ["90000", "3"], on: [aHash, old], "hash f=1 g= old", "missing"),
        Case("t", ["90000", "1"], on: [aString, old], "string a old", "missing"),
        // Store a string only over something.
        Case("X", ["b"], "none"),
        Case("X", ["b"], on: [aString, old], "string b old"),
        Case("X", ["b"], on: [aString], "string b none"),
        Case("X", ["a"], on: [aString, old], "string a old"),
        Case("X", ["b"], on: [aList, old], "string b old"),
        // Store a hash.
        Case("H", fields, "hash f=1 g= new"),
        Case("H", fields, on: [otherHash, old], "hash f=1 g= new"),
        Case("H", fields, on: [aString, old], "hash f=1 g= new"),
        Case("H", fields, on: [aHash, old], "hash f=1 g= new"),
        // Compare and store a hash.
        Case("h", fields, "hash f=1 g= new"),
        Case("h", fields, on: [aHash, old], "hash f=1 g= old", "kept old"),
        Case("h", fields, on: [aHash], "hash f=1 g= new", "kept new"),
        Case("h", fields, on: [otherHash, old], "hash f=1 g= new"),
        Case("h", fields, on: [aHash, ["HSET", "key", "z", ""], old], "hash f=1 g= new"),
        Case("h", fields, on: [aList, old], "hash f=1 g= new"),
        // Store a hash only over something.
        Case("J", fields, "none"),
        Case("J", fields, on: [otherHash, old], "hash f=1 g= old"),
        Case("J", fields, on: [otherHash], "hash f=1 g= none"),
        Case("J", fields, on: [aHash, old], "hash f=1 g= old"),
        Case("J", fields, on: [aString, old], "hash f=1 g= old"),
        // Set a mark.
        Case("M", ["f", "1"], "hash f=1 none"),
        Case("M", ["f", "2"], on: [aHash], "hash f=2 g= none"),
        Case("M", ["f", "1"], on: [aString, old], "string a old", "failed WRONGTYPE"),
    ]

    @Test("What each operation does", arguments: cases)
    func operation(_ test: Case) async throws {
        try await ScriptBench.with { bench in
            for command in test.before { try await bench.send(command) }
            let outcome = try await bench.done([.init(test.operation, "key", test.arguments)])
            #expect(try await bench.state(of: "key") == test.after)
            #expect(bench.text(of: outcome) == test.answer)
        }
    }

    @Test("Who only looks foresees what each operation does", arguments: cases.filter { $0.operation != "M" })
    func foreseen(_ test: Case) async throws {
        try await ScriptBench.with { bench in
            for command in test.before { try await bench.send(command) }
            let before = try await bench.state(of: "key")
            let foreseen = try test.unpacked().effect(on: try await bench.content(of: "key"))
            let outcome = try await bench.done([.init(test.operation, "key", test.arguments)])
            let seen = Self.effect(from: before, to: try await bench.state(of: "key"), outcome)
            #expect(Self.word(foreseen) == seen)
            #expect(bench.text(of: BatchOutcome([foreseen])) == test.answer)
        }
    }

    /// What an operation did, by what a key was and is.
    private static func effect(from before: String, to after: String, _ outcome: BatchOutcome) -> String {
        func content(_ state: String) -> Substring { state.prefix(upTo: state.lastIndex(of: " ") ?? state.endIndex) }
        if !outcome.missing.isEmpty { return "missing" }
        if !outcome.kept.isEmpty { return before.hasSuffix("none") ? "expiring" : "kept" }
        if before == after { return "none" }
        if before == "none" { return "created" }
        if after == "none" { return "deleted" }
        return content(before) == content(after) ? "renewed" : "replaced"
    }

    private static func word(_ effect: KeyEffect) -> String {
        switch effect {
        case .created: "created"
        case .replaced: "replaced"
        case .deleted: "deleted"
        case .renewed: "renewed"
        case .kept: "kept"
        case .expiring: "expiring"
        case .missing: "missing"
        case .none: "none"
        }
    }

    @Test("What one key refuses does not keep the others from being written, and is told by its place")
    func failuresByKey() async throws {
        try await ScriptBench.with { bench in
            try await bench.send(["SET", "b", "text"])
            let outcome = try await bench.done([
                .init("S", "a", ["1", "90000"]), .init("M", "b", ["f", "v"]), .init("T", "c", ["90000"]),
                .init("H", "d", ["90000", "1", "f", "v"]), .init("C", "b", ["text", "90000"]),
            ])
            #expect(outcome.failures.map(\.operation) == [1])
            #expect(outcome.missing == [2])
            #expect(outcome.kept == [.init(operation: 4, ttlMilliseconds: 90000)])
            #expect(try await bench.state(of: "a") == "string 1 new")
            #expect(try await bench.state(of: "d") == "hash f=v new")
        }
    }

    @Test("An unknown operation is an error, not a guess")
    func unknownOperation() async throws {
        try await ScriptBench.with { bench in
            let error = await #expect(throws: RedisError.self) { try await bench.done([.init("?", "key")]) }
            #expect(error?.underlying?.contains("unknown operation ?") == true)
        }
    }

    @Test("As many keys and bytes as a batch may hold, and a hash of as many columns as a table may have")
    func large() async throws {
        try await ScriptBench.with { bench in
            let value = String(repeating: "ü", count: 650)
            try await bench.done((0..<200).map { .init("S", "k\($0)", [value, "90000"]) })
            #expect(try await bench.send(["DBSIZE"]).int == 201)
            let fields = (0..<1600).flatMap { ["column\($0)", "value"] }
            for operation in ["H", "h", "J"] {
                try await bench.done([.init(operation, "hash", ["90000", "1600"] + fields)])
            }
            try await bench.done([.init("t", "hash", ["90000", "1600"])])
            #expect(try await bench.send(["HLEN", "hash"]).int == 1600)
        }
    }

    // MARK: The fence

    struct Refused: Sendable, CustomTestStringConvertible {
        let fence: [String]
        let answer: WriteAnswer
        init(_ fence: [String], _ answer: WriteAnswer) { (self.fence, self.answer) = (fence, answer) }
        var testDescription: String { "\(fence)" }
    }

    @Test(
        "A batch that does not continue the fence exactly changes nothing",
        arguments: [
            Refused([], .gap),
            Refused(["epoch", "7", "sequence", "0"], .gap),
            Refused(["epoch", "7", "token", "mine"], .gap),
            Refused(["epoch", "7", "token", "mine", "sequence", "1"], .gap),
            Refused(["epoch", "7", "token", "mine", "sequence", "-1"], .gap),
            Refused(["epoch", "7", "token", "mine", "sequence", "00"], .gap),
            Refused(["epoch", "8", "token", "mine", "sequence", "0"], .fenced(epoch: "8")),
            Refused(["epoch", "6", "token", "mine", "sequence", "0"], .fenced(epoch: "6")),
            Refused(["epoch", "7", "token", "other", "sequence", "0"], .fenced(epoch: "7")),
            Refused(["epoch", "7", "token", "sealed", "sequence", "0"], .fenced(epoch: "7")),
            Refused(["token", "mine", "sequence", "0"], .fenced(epoch: "")),
        ])
    func refused(_ test: Refused) async throws {
        try await ScriptBench.with { bench in
            try await bench.send(["DEL", bench.fenceKey])
            if !test.fence.isEmpty { try await bench.send(["HSET", bench.fenceKey] + test.fence) }
            let before = try await bench.send(["HGETALL", bench.fenceKey])
            let answer = try await bench.write([.init("S", "key", Self.set)])
            #expect(answer == test.answer)
            #expect(try await bench.state(of: "key") == "none")
            #expect(try await bench.send(["HGETALL", bench.fenceKey]) == before)
        }
    }

    @Test("Sequences and epochs stay exact where doubles would not")
    func largeNumbers() async throws {
        try await ScriptBench.with { bench in
            let epoch = "4503599627370496"
            try await bench.send([
                "HSET", bench.fenceKey, "epoch", epoch, "token", "mine", "sequence", "9007199254740993",
            ])
            let answer = try await bench.write(
                [.init("S", "key", Self.set)], epoch: epoch, previous: 9_007_199_254_740_993)
            #expect(answer == .done(BatchOutcome()))
            #expect(try await bench.sequence() == "9007199254740994")
            #expect(try await bench.write([], epoch: epoch, previous: 9_007_199_254_740_992) == .gap)
        }
    }

    @Test("A fence that is no hash is an error, and nothing is written")
    func fenceOfAnotherType() async throws {
        try await ScriptBench.with { bench in
            try await bench.send(["SET", bench.fenceKey, "7"])
            let error = await #expect(throws: RedisError.self) { try await bench.done([.init("S", "key", Self.set)]) }
            #expect(error?.serverError?.kind == .wrongType)
            #expect(try await bench.state(of: "key") == "none")
        }
    }

    // MARK: A full Redis

    @Test("A full Redis lets deletions, renewals and marks pass, and refuses every batch that writes whole")
    func outOfMemory() async throws {
        try await ScriptBench.with(redis: .init()) { bench in
            for key in ["a", "b", "key"] { try await bench.send(["SET", key, "a", "PX", "50000"]) }
            try await bench.send(["HSET", "hash", "f", "1"])
            try await bench.send(["CONFIG", "SET", "maxmemory", "1"])
            let refused: [[ScriptBench.Operation]] = [
                [.init("S", "key", Self.set)], [.init("C", "key", Self.set)], [.init("X", "key", ["b"])],
                [.init("H", "key", Self.fields)], [.init("h", "key", Self.fields)], [.init("J", "key", Self.fields)],
                // One write among deletions is enough.
                [.init("D", "a"), .init("T", "b", ["90000"]), .init("S", "key", Self.set)],
            ]
            for operations in refused {
                let error = await #expect(throws: RedisError.self, "\(operations)") { try await bench.done(operations) }
                #expect(error?.serverError?.kind == .outOfMemory)
                #expect(error?.message.contains("maxmemory") == true)
                #expect(try await bench.sequence() == "0")
            }
            #expect(try await bench.state(of: "key") == "string a old")
            #expect(try await bench.state(of: "a") == "string a old")
            #expect(try await bench.state(of: "hash") == "hash f=1 none")

            let outcome = try await bench.done([
                .init("D", "a"), .init("T", "b", ["90000"]), .init("T", "gone", ["90000"]),
                .init("t", "hash", ["90000", "1"]), .init("M", "marks", ["f", "2"]),
            ])
            #expect(outcome == BatchOutcome(missing: [2]))
            #expect(try await bench.state(of: "hash") == "hash f=1 new")
            #expect(try await bench.state(of: "marks") == "hash f=2 none")
            #expect(try await bench.state(of: "a") == "none")
            #expect(try await bench.state(of: "b") == "string a new")
            #expect(try await bench.sequence() == "1")
        }
    }
}

extension WriteScriptTests.Case {
    /// The operation as a batch holds it.
    fileprivate func unpacked() throws -> WriteOperation {
        var batch = WriteBatch()
        batch.keys.append("key")
        for argument in arguments { batch.arguments.append(argument) }
        batch.close(
            try #require(WriteBatch.Operation.allCases.first { [WriteScript.letter($0)] == Array(operation.utf8) }))
        return try #require(batch.unpacked.first)
    }
}

extension ScriptBench {
    /// What a key holds.
    fileprivate func content(of key: String) async throws -> KeyContent {
        let left = try await send(["PTTL", key]).int ?? -2
        let value: WriteOperation.Value?
        switch try await send(["TYPE", key]).string {
        case "string": value = .string(try await send(["GET", key]).bytes ?? [])
        case "hash":
            let texts = try await send(["HGETALL", key]).array?.compactMap(\.bytes) ?? []
            let pairs = stride(from: 0, to: texts.count, by: 2).map { (texts[$0], texts[$0 + 1]) }
            value = .hash(Dictionary(pairs, uniquingKeysWith: { $1 }))
        default: value = nil
        }
        return KeyContent(ttlMilliseconds: left, value: value)
    }
}
