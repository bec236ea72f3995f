import LocalStack
import RedisClient
import Testing

@testable import Operations

@Suite("baton cache clear")
struct CacheClearTests {
    @Test(
        "a phone's clearing takes the row that it points to, however the id is written",
        arguments: ["7", #""7""#, #""\u0037""#])
    func phone(_ pointer: String) async throws {
        try await CacheFixture.with { redis in
            try await redis.set("cache:appUsers:phone:100", "cache:public:oaUsers:phone:100", to: pointer)
            try await redis.set(
                "cache:appUsers:id:7", "cache:appUsers:id:8", "cache:public:oaUsers:id:7", "cache:oaUsers:id:9")
            let report = try await redis.tools.clear(.phones(["100"]))
            #expect(report.status == .done && report.count == 4)
            #expect(try await redis.keys == ["cache:appUsers:id:8", "cache:oaUsers:id:9"])
            #expect(report.text().words.contains("cache:appUsers:phone:{phone}"))
            #expect(report.text().words.contains("come back when the application needs them"))
        }
    }

    @Test(
        "an id's clearing takes the phone of that row, whatever form the row has",
        arguments: [
            #"{"Id":7,"Phone":"100"}"#, #"{"id":7,"phone":100}"#, nil, #"{"name":"\ud83d\ude00\u0000","phone":"100"}"#,
            "{\"name\":\"\u{7F}\u{81}\u{FFFF}\",\"phone\":\"100\"}", #"{"json":{"a":"\ud800"},"phone":"100"}"#,
            #"{"LONG":1,"phone":"100"}"#, "{\n\t\"phone\" : \"1\\u00300\"}",
            #"{"Phone":"100","Phone":"300"}"#, #"{"Phone":"300","Phone":"100"}"#, #"{"phone":"300","Phone":"100"}"#,
        ])
    func id(_ row: String?) async throws {
        try await CacheFixture.with { redis in
            if let row {
                try await redis.set(
                    "cache:appUsers:id:7", to: row.replacing("LONG", with: String(repeating: "n", count: 2000)))
            } else {
                try await redis.send("HSET", "cache:appUsers:id:7", "id", "7", "phone", "100")
            }
            try await redis.set("cache:appUsers:phone:100", to: "7")
            try await redis.set("cache:appUsers:phone:200", to: "8")
            let report = try await redis.tools.clear(.ids(["7"]))
            #expect(report.count == 2)
            #expect(try await redis.keys == ["cache:appUsers:phone:200"])
        }
    }

    /// A reader of YAML would write out what each alias stands for, again and again.
    @Test("what looks like YAML in a row costs no time")
    func aliases() async throws {
        try await CacheFixture.with { redis in
            var row = "{\"a0\": &a0 [x,x,x,x,x,x,x,x]"
            for depth in 1...20 {
                row +=
                    ", \"a\(depth)\": &a\(depth) [\(Array(repeating: "*a\(depth - 1)", count: 8).joined(separator: ","))]"
            }
            try await redis.set("cache:appUsers:id:7", to: row + "}")
            let begin = ContinuousClock.now
            #expect(try await redis.tools.clear(.ids(["7"])).count == 1)
            #expect(ContinuousClock.now - begin < .seconds(10))
        }
    }

    @Test("go-zero's sign for no row is cleared like a row")
    func placeholder() async throws {
        try await CacheFixture.with { redis in
            try await redis.set("cache:appUsers:phone:100", "cache:appUsers:id:text", to: "*")
            #expect(try await redis.tools.clear(.phones(["100"])).count == 1)
            #expect(try await redis.tools.clear(.ids(["text"])).count == 1)
            #expect(try await redis.keys == [])
        }
    }

    @Test("nothing found is said, and has its own status")
    func nothing() async throws {
        try await CacheFixture.with { redis in
            let tools = try redis.tools
            try await redis.set("other")
            for subject in [
                ClearRequest.Subject.ids(["no such"]), .phones(["1"]), .keys([[0xFF]]), .all,
                .pattern(try CachePattern("x*")),
            ] {
                #expect(try await tools.plan(subject).status == .no)
                #expect(try await tools.clear(subject).status == .no)
            }
            #expect(try await redis.keys == ["other"])
        }
    }

    @Test("the plan says what would go, and changes nothing")
    func plan() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 1200)
            try await redis.set("cache:oaUsers:phone:1", "other", "{baton:default}:lease")
            var plan = try await redis.tools.plan(.all)
            #expect(plan.count == 1201 && plan.status == .done)
            #expect(plan.text().words.contains("1,201 keys at redis://"))
            #expect(plan.parts[0].examples.count == CacheTools.exampleCount)
            plan = try await redis.tools.plan(.all, families: ["oaUsers"])
            #expect(plan.count == 1)
            plan = try await redis.tools.plan(.pattern(try CachePattern("*")))
            #expect(plan.count == 1202 && plan.text().words.contains("1 key of Baton's own match too, and stay."))
            #expect(plan.json.contains(#""count": 1202"#))
            #expect(try await redis.send("DBSIZE").int == 1203)
        }
    }

    @Test("all clears the families and nothing else")
    func all() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 3000)
            try await redis.fill("cache:public:oaUsers:phone:", 1500)
            try await redis.set("cache:appUsers:id:7:more", "cache:appUsers", "user:1")
            let report = try await redis.tools.clear(.all)
            #expect(report.count == 4500 && report.status == .done)
            #expect(try await redis.keys == ["cache:appUsers", "cache:appUsers:id:7:more", "user:1"])
        }
    }

    @Test("a pattern clears keys of all types, but never Baton's own")
    func pattern() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("s:", 2500)
            try await redis.send("RPUSH", "s:list", "a")
            try await redis.set("{baton:default}:lease", "t:1")
            _ = try await redis.client.send(RedisCommand([Array("SET".utf8), Array("s:".utf8) + [0xFF], [1]]))
            var report = try await redis.tools.clear(.pattern(try CachePattern("s:*")))
            #expect(report.count == 2502)
            #expect(try await redis.keys == ["t:1", "{baton:default}:lease"])
            report = try await redis.tools.clear(.pattern(try CachePattern("*")))
            #expect(report.count == 1 && report.text().words.contains("1 key of Baton's own matched, and stayed."))
        }
    }

    @Test("Baton's own keys can't be named")
    func ownKeys() async throws {
        try await CacheFixture.with { redis in
            try await redis.set("{baton:default}:lease")
            let error = await #expect(throws: InspectionError.self) {
                try await redis.tools.clear(.keys([Array("{baton:default}:lease".utf8)]))
            }
            #expect(error?.status == .usage && error?.message.contains("baton fsck") == true)
            #expect(try await redis.keys.count == 1)
        }
    }

    @Test("keeps to a rate")
    func rate() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("s:", 3000)
            let begin = ContinuousClock.now
            let report = try await redis.tools.clear(.pattern(try CachePattern("s:*")), rate: 6000)
            #expect(report.count == 3000)
            #expect(ContinuousClock.now - begin >= .milliseconds(400))
        }
    }

    @Test("sends neither KEYS nor DEL, and takes Redis no longer than 5 ms at a time")
    func gentle() async throws {
        try await CacheFixture.with(LocalRedis.Options()) { redis, _ in
            try await redis.fill("s:", 50_000)
            try await redis.send("CONFIG", "RESETSTAT")
            try await redis.send("CONFIG", "SET", "slowlog-log-slower-than", "0")
            try await redis.send("CONFIG", "SET", "slowlog-max-len", "100000")
            try await redis.send("SLOWLOG", "RESET")
            _ = try await redis.tools.list()
            #expect(try await redis.tools.clear(.pattern(try CachePattern("s:*"))).count == 50_000)
            let entries = try await redis.send("SLOWLOG", "GET", "100000").array ?? []
            #expect(entries.count > 100)
            var times: [Int64] = []
            for entry in entries {
                let words = entry.array?[3].array?.map { $0.string ?? "" } ?? []
                #expect(!["KEYS", "DEL", "FLUSHDB", "FLUSHALL"].contains(words.first))
                if !["CONFIG", "SLOWLOG", "INFO"].contains(words.first) { times.append(entry.array?[2].int ?? 0) }
            }
            // The machine may be busy with other tests: but not as a rule.
            times.sort()
            #expect(times[times.count * 99 / 100] < 5000, "µs")
        }
    }

    @Test("what was done before Redis went away is told")
    func interrupted() async throws {
        try await CacheFixture.with(LocalRedis.Options()) { redis, server in
            try await redis.fill("s:", 20_000)
            let tools = try redis.tools
            var request = ClearRequest(
                .pattern(try CachePattern("s:*")), requester: Requester(name: "anna", reason: ""))
            request.rate = 4000
            let plan = try await tools.plan(request, counts: false, progress: CacheTools.silence)
            async let cleared = tools.clear(plan, progress: CacheTools.silence)
            while try await redis.send("DBSIZE").int ?? 0 > 18_000 { try await Task.sleep(for: .milliseconds(5)) }
            await server.kill()
            let report = await cleared
            #expect(report.status == .unavailable)
            #expect(report.count >= 2000 && report.count < 20_000)
            #expect(report.text().words.contains("Clearing again goes on where this ended."))
        }
    }

    @Test("a user who may not is told which permission is missing")
    func permission() async throws {
        var options = LocalRedis.Options()
        options.aclLines = ["reader on >word ~* +@read +ping +client +select"]
        try await CacheFixture.with(options) { redis, server in
            try await redis.set("cache:appUsers:id:7")
            let tools = try CacheTools(redis: "redis://reader:word@127.0.0.1:\(server.port)/0")
            #expect(try await tools.list().listing.count == 1)
            let report = try await tools.clear(.ids(["7"]))
            #expect(report.status == .refused && report.count == 0)
            #expect(report.text().lowercased().contains("unlink"))
            #expect(try await redis.keys.count == 1)
        }
    }

    @Test("keys that a user may see and not touch are counted all the same")
    func strangersKeys() async throws {
        var options = LocalRedis.Options()
        options.aclLines = ["reader on >word ~cache:* +@read +memory +ping +client +select"]
        try await CacheFixture.with(options) { redis, server in
            try await redis.set("cache:appUsers:id:7", "other:1")
            let found = try await CacheTools(redis: "redis://reader:word@127.0.0.1:\(server.port)/0").list()
            #expect(found.listing.count == 2 && found.listing.summary().contains("?"))
        }
    }

    @Test("goes into the group's history, with who, why and how many")
    func history() async throws {
        try await CacheFixture.with { redis in
            try await redis.set("cache:appUsers:id:7")
            _ = try await redis.tools.clear(.ids(["7"]))
            #expect(try await redis.send("EXISTS", "{baton:default}:events").int == 0, "there is no group")
            try await redis.send("HSET", "{baton:default}:fence", "epoch", "1")
            try await redis.set("cache:appUsers:id:7", "cache:appUsers:id:8")
            _ = try await redis.tools.clear(.ids(["7", "8"]))
            let events = try await redis.send("XRANGE", "{baton:default}:events", "-", "+").array ?? []
            let entry = try #require(events.first.flatMap { History.Entry($0) })
            #expect(entry.event == "cache-cleared" && entry.who == "anna@laptop")
            #expect(entry.reason == "2 keys: cache:appUsers:id:{id} 2: ticket 7")
        }
    }
}
