import CacheRefresh
import RedisClient
import Testing

@testable import Formatting
@testable import Operations

@Suite("baton cache list and get")
struct CacheListTests {
    @Test("counts each family, with TTLs, sizes and types")
    func overview() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 2500)
            try await redis.set("cache:appUsers:phone:100", "cache:public:oaUsers:id:1", "stranger", "{baton:x}:lease")
            try await redis.send("PEXPIRE", "cache:appUsers:phone:100", "3600000")
            let (listing, lines) = try await redis.tools.list()
            #expect(lines.isEmpty)
            #expect(listing.status == .done && listing.count == 2503)
            let section = try #require(listing.sections.first)
            #expect(section.own == 1)
            func tally(_ template: String) throws -> CacheListing.Tally {
                let family = try #require(section.families.firstIndex(where: { $0.form.text == template }))
                return section.tally(of: family)
            }
            let ids = try tally("cache:appUsers:id:{id}")
            #expect(ids.count == 2500 && ids.immortal == ids.sampled && ids.types.keys.elementsEqual(["string"]))
            #expect(ids.sampled >= 1000 && ids.sampled <= 2500 && ids.bytes / ids.sized > 50)
            let phones = try tally("cache:appUsers:phone:{phone}")
            #expect(phones.count == 1)
            #expect((3_500_000...3_600_000).contains(phones.shortestTTL ?? 0))
            #expect(section.tally(of: nil).count == 1, "the stranger")
            let text = listing.summary()
            #expect(text.contains("cache:appUsers:id:{id}") && text.contains("2,500"))
            #expect(listing.json.contains(#""count": 2503"#))
            // A slow reader's old value would stay under these.
            let lack =
                "\(TextLayout.grouped(ids.sampled)) of \(TextLayout.grouped(ids.sampled)) keys like cache:appUsers:id:{id} have no TTL"
            #expect(text.words.contains(lack), "\(text)")
            #expect(!text.words.contains("like cache:appUsers:phone:{phone} h"))
        }
    }

    @Test("says nothing of a TTL where Baton keeps the keys, and of keys without one beside it")
    func lackOfTTL() async throws {
        try await CacheFixture.with { redis in
            try await redis.set("kept:1", "beside:1", "beside:2", "other:1")
            try await redis.send("EXPIRE", "beside:2", "900")
            let tools = try redis.tools(
                "  kept: { table: a, key: \"kept:{id}\" }\n  beside: { table: b, key: \"beside:{id}\", mode: invalidate }",
                families: "families: { others: { keys: \"other:{id}\" } }")
            let listing = try await tools.list().listing.summary()
            let report = try await tools.test(progress: CacheTools.silence)
            for text in [listing.words, report.text().words] {
                #expect(text.contains("1 of 2 keys like beside:{id} has no TTL"), "\(text)")
                #expect(text.contains("1 of 1 key like other:{id} has no TTL"), "\(text)")
                #expect(!text.contains("like kept:{id} h"))
            }
            #expect(report.findings.count { $0.severity == .warning } == 2)
        }
    }

    @Test("shows the keys of one family, or of a pattern, up to a limit, and counts all")
    func family() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 1500)
            try await redis.set("cache:appUsers:id:1:more", "cache:oaUsers:id:5")
            var request = CacheTools.ListRequest()
            request.families = ["cache:appUsers:id:{id}"]
            request.limit = 7
            request.values = true
            var (listing, lines) = try await redis.tools.list(request)
            #expect(listing.count == 1500)
            #expect(lines.count == 8 && lines[0] == CacheListing.header)
            #expect(lines.dropFirst().allSatisfy { $0.contains("cache:appUsers:id:") && $0.contains("value ") })
            request.families = []
            request.pattern = try CachePattern("cache:*:id:1")
            (listing, lines) = try await redis.tools.list(request)
            #expect(listing.count == 1 && lines.count == 2)
            request.pattern = try CachePattern("nothing*")
            (listing, lines) = try await redis.tools.list(request)
            #expect(listing.status == .no && lines.isEmpty)
            #expect(listing.summary().contains("There is no such key."))
        }
    }

    @Test("names the family that was meant")
    func unknownFamily() async throws {
        try await CacheFixture.with { redis in
            var request = CacheTools.ListRequest()
            request.families = ["appUser"]
            let error = await #expect(throws: InspectionError.self) { try await redis.tools.list(request) }
            #expect(error?.status == .usage && error?.message.contains("Did you mean `appUsers`?") == true)
        }
    }

    @Test("shows every type, binary keys and values, and nothing that moves a terminal")
    func types() async throws {
        try await CacheFixture.with { redis in
            try await redis.send("HSET", "t:hash", "name", "Ann\u{1B}[2J", "age", "7")
            try await redis.send("RPUSH", "t:list", "a", "b")
            try await redis.send("SADD", "t:set", "m")
            try await redis.send("ZADD", "t:zset", "2", "m")
            try await redis.send("XADD", "t:stream", "*", "f", "v")
            _ = try await redis.client.send(RedisCommand([Array("SET".utf8), Array("t:".utf8) + [0xFF, 7], [0xFE]]))
            var request = CacheTools.ListRequest()
            request.pattern = try CachePattern("t:*")
            request.values = true
            let (listing, lines) = try await redis.tools.list(request)
            #expect(listing.count == 6)
            let text = lines.joined(separator: "\n")
            for part in [
                "{name: Ann\\x1b[2J, age: 7}", "[a, b]", "{m}", "{m: 2}", "(a stream)", "t:\\xff\\x07", "\\xfe",
            ] {
                #expect(text.contains(part), "\(part)")
            }
            #expect(!text.contains("\u{1B}"))
            let found = try await redis.tools.get(KeyText.bytes(#"t:\xff\x07"#))
            #expect(found.status == .done && found.text().words.contains(#"\xfe"#))
        }
    }

    @Test("fits a narrow terminal")
    func narrow() async throws {
        try await CacheFixture.with { redis in
            try await redis.set("cache:appUsers:id:1")
            let (listing, _) = try await redis.tools.list()
            let lines = listing.summary(columns: 40).split(separator: "\n")
            #expect(lines.dropFirst().allSatisfy { $0.count <= 40 || $0.contains("TTL, size") }, "\(lines)")
            #expect(listing.summary().contains("FAMILY"))
        }
    }

    @Test("get says what a key is, and what it points to")
    func get() async throws {
        try await CacheFixture.with { redis in
            let tools = try redis.tools
            try await redis.set("cache:appUsers:phone:100", to: "7")
            try await redis.set("cache:appUsers:id:8", to: "*")
            let phone = try await tools.get(Array("cache:appUsers:phone:100".utf8)).text()
            #expect(phone.contains("It points to cache:appUsers:id:7, which is not there."))
            #expect(phone.contains("none: it stays until deleted"))
            try await redis.set("cache:appUsers:id:7", to: #"{"Id":7}"#)
            let again = try await tools.get(Array("cache:appUsers:phone:100".utf8))
            #expect(again.text().words.contains("cache:appUsers:id:7, which is there."))
            #expect(again.json.contains(#""family": "appUsers""#))
            #expect(try await tools.get(Array("cache:appUsers:id:8".utf8)).text().words.contains("go-zero's sign"))
            let missing = try await tools.get(Array("nothing".utf8))
            #expect(missing.status == .no && missing.text().hasPrefix("There is no key nothing at redis://"))
        }
    }

    @Test("get copies a large string in parts, and nothing else")
    func raw() async throws {
        try await CacheFixture.with { redis in
            let tools = try redis.tools
            let value = [UInt8]((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            _ = try await redis.client.send(RedisCommand([Array("SET".utf8), Array("big".utf8), value]))
            var copied: [UInt8] = []
            #expect(try await tools.copyString(Array("big".utf8)) { copied += $0 } == .done)
            #expect(copied == value)
            #expect(try await tools.copyString(Array("none".utf8)) { _ in } == .no)
            try await redis.send("RPUSH", "list", "a")
            await #expect(throws: InspectionError.self) { try await tools.copyString(Array("list".utf8)) { _ in } }
            #expect(try await tools.get(Array("big".utf8)).text().utf8.count < 6_000_000)
        }
    }
}
