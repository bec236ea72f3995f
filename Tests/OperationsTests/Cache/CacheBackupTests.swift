import CacheRefresh
import Glibc
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import Formatting
@testable import Operations

@Suite("baton cache backup and restore")
struct CacheBackupTests {
    private func restore(_ tools: CacheTools, _ path: String, replaces: Bool = false) async throws -> BackupReport {
        try await tools.restore(path, replaces: replaces)
    }

    private func backup(_ tools: CacheTools, _ path: String, pattern: String? = nil) async throws -> BackupReport {
        try await tools.backup(
            families: [], pattern: try pattern.map { try CachePattern($0) }, rate: nil, to: path,
            progress: CacheTools.silence)
    }

    @Test("what was copied comes back as it was: types, TTLs, binary keys, large values")
    func roundTrip() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let tools = try redis.tools
                try await redis.fill("k:", 3000)
                try await redis.send("HSET", "k:hash", "a", "1")
                try await redis.send("RPUSH", "k:list", "a", "b")
                try await redis.send("ZADD", "k:zset", "1.5", "m")
                try await redis.send("SET", "k:short", "x", "PX", "600000")
                let odd = Array("k:".utf8) + [0, 0xFF, 10]
                let large = [UInt8](repeating: 7, count: 6 << 20)
                _ = try await redis.client.send(RedisCommand([Array("SET".utf8), odd, large]))
                try await redis.set("other", "{baton:default}:fence")
                let path = folder + "/all"
                let report = try await backup(tools, path, pattern: "*")
                #expect(report.status == .done && report.count == 3006)
                #expect(access(path + ".partial", F_OK) != 0)
                var status = stat()
                #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)

                for pattern in ["k:*", "other"] {
                    #expect(try await tools.clear(.pattern(try CachePattern(pattern))).status == .done)
                }
                let restored = try await restore(tools, path)
                #expect(restored.status == .done && restored.count == 3006, "\(restored.text())")
                #expect(try await redis.send("GET", "k:77").string == "value 77")
                #expect(try await redis.send("HGET", "k:hash", "a").string == "1")
                #expect(try await redis.send("ZSCORE", "k:zset", "m").string == "1.5")
                #expect(try await redis.send("LRANGE", "k:list", "0", "-1").array?.count == 2)
                #expect(try await redis.client.send(RedisCommand([Array("GET".utf8), odd])).bytes == large)
                #expect(try await redis.send("PTTL", "k:1").int == -1)
                #expect((500_000...600_000).contains(try await redis.send("PTTL", "k:short").int ?? 0))
            }
        }
    }

    @Test("keys that are there stay, unless they are to be replaced")
    func existing() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let tools = try redis.tools
                try await redis.set("k:1", "k:2", to: "old")
                _ = try await backup(tools, folder + "/two", pattern: "k:*")
                try await redis.send("DEL", "k:2")
                try await redis.set("k:1", to: "new")
                let kept = try await restore(tools, folder + "/two")
                #expect(kept.status == .no && kept.count == 1 && kept.kept == 1)
                #expect(kept.text().words.contains("--replace"))
                #expect(try await redis.send("GET", "k:1").string == "new")
                let replaced = try await restore(tools, folder + "/two", replaces: true)
                #expect(replaced.status == .done && replaced.count == 2)
                #expect(try await redis.send("GET", "k:1").string == "old")
            }
        }
    }

    @Test("a clearing with a backup can be undone")
    func clearing() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let tools = try redis.tools
                try await redis.fill("cache:appUsers:id:", 1700)
                let report = try await tools.clear(.all, backup: folder + "/before")
                #expect(report.count == 1700 && report.backedUp == 1700)
                #expect(try await redis.keys.isEmpty)
                #expect(try await restore(tools, folder + "/before").count == 1700)
                // A file is never overwritten, and nothing is cleared then.
                let again = try await tools.clear(.all, backup: folder + "/before")
                #expect(again.count == 0 && again.status == .configuration)
                #expect(again.text().words.contains("is there already"))
                #expect(try await redis.keys.count == 1700)
            }
        }
    }

    @Test("a file that is none, of another version, cut off or damaged changes nothing")
    func badFiles() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let tools = try redis.tools
                try await redis.fill("k:", 20)
                _ = try await backup(tools, folder + "/good", pattern: "*")
                let good = try SmallFile.bytes(folder + "/good", limit: 1 << 20)
                try await redis.send("FLUSHDB")
                var damaged = good
                damaged[good.count / 2] ^= 1
                let later = Array("baton-cache-backup 3\n".utf8) + good.dropFirst(21)
                // Two lines of text, then the records.
                let header = try #require(good.indices.filter { good[$0] == 10 }.dropFirst().first) + 1
                let aimless = Array(good.prefix(21)) + Array("from nowhere\n".utf8) + good[header...]
                let cases: [(bytes: [UInt8], says: String)] = [
                    (Array("hello".utf8), "is no backup"), ([], "is no backup"), (later, "version 3"),
                    (Array(good.dropLast()), "was cut off"), (Array(good.prefix(100)), "was cut off"),
                    (damaged, "damaged"), (good + [0], "damaged"),
                    (aimless, "damaged"),
                    (Array(good.prefix(header)) + [0x4B] + Array(repeating: 0xFF, count: 16), "damaged"),
                ]
                for (bytes, says) in cases {
                    let file = try #require(fopen(folder + "/bad", "w"))
                    fwrite(bytes, 1, bytes.count, file)
                    fclose(file)
                    let error = await #expect(throws: InspectionError.self) {
                        _ = try await restore(tools, folder + "/bad")
                    }
                    let text = error?.message ?? ""
                    #expect(text.contains(says) || says == "damaged" && text.contains("cut off"), "\(says): \(text)")
                    #expect(try await redis.keys.isEmpty)
                }
                await #expect(throws: InspectionError.self) { _ = try await restore(tools, folder + "/none") }
                // A folder that can't be written to.
                await #expect(throws: InspectionError.self) { _ = try await backup(tools, "/proc/none", pattern: "*") }
            }
        }
    }

    @Test("what a clearing has left behind that was killed is not overwritten, and can be restored as far as it goes")
    func cutOff() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let tools = try redis.tools
                let writer = try BackupWriter(path: folder + "/cut", origin: .test)
                for number in 1...3 {
                    try await redis.set("k:\(number)", to: "value \(number)")
                    try await writer.add([Array("k:\(number)".utf8)], try await redis.client.connection())
                }
                try writer.flush()
                let whole = try SmallFile.bytes(folder + "/cut.partial", limit: 1 << 20)
                await #expect(throws: InspectionError.self) {
                    _ = try await backup(tools, folder + "/cut", pattern: "*")
                }
                #expect(try SmallFile.bytes(folder + "/cut.partial", limit: 1 << 20) == whole)
                #expect(truncate(folder + "/cut.partial", whole.count - 5) == 0)
                try await redis.send("FLUSHDB")
                let report = try await restore(tools, folder + "/cut.partial")
                #expect(report.status == .done && report.count == 2)
                #expect(try await redis.keys == ["k:1", "k:2"])
            }
        }
    }

    @Test("time goes on while a key is in a backup: what has expired since stays away")
    func expiry() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let tools = try redis.tools
                try await redis.set("k:1")
                let value = try #require(try await redis.send("DUMP", "k:1").bytes)
                try await redis.send("DEL", "k:1")
                let writer = try BackupWriter(path: folder + "/old", origin: .test)
                let now = WallClock.now.millisecondsSince1970
                for (key, expires) in [("k:gone", now - 1), ("k:soon", now + 600_000), ("k:stays", 0)] {
                    try writer.add(.init(key: Array(key.utf8), expiresMilliseconds: expires, value: value))
                }
                _ = try writer.finish()
                let plan = try await tools.plan(restoring: folder + "/old", replaces: false)
                #expect(plan.count == 2 && plan.expired == 1)
                #expect(plan.text().words.contains("1 more has expired since, and is left out."))
                let report = try await tools.restore(folder + "/old")
                #expect(report.count == 2 && report.expired == 1 && report.status == .done)
                #expect(report.text().words.contains("1 key, whose TTL has ended since"))
                #expect(try await redis.keys == ["k:soon", "k:stays"])
                #expect((1...600_000).contains(try await redis.send("PTTL", "k:soon").int ?? 0))
                #expect(try await redis.send("PTTL", "k:stays").int == -1)
            }
        }
    }

    @Test("says which Redis a backup is of, and when it may be another one")
    func origin() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let tools = try redis.tools
                try await redis.set("cache:appUsers:id:7")
                _ = try await backup(tools, folder + "/one")
                let plan = try await tools.plan(restoring: folder + "/one", replaces: true)
                #expect(plan.likeness == .same && !plan.isElsewhere && plan.count == 1)
                let text = plan.text().words
                for words in [
                    "to be put back at \(redis.address)", "appUsers cache:appUsers:id:{id} 1 application",
                    "Keys that are there are overwritten.", "stays wrong until the TTL ends",
                ] {
                    #expect(text.contains(words), "\(text)")
                }
                let byName = try CacheTools(redis: redis.url.replacing("127.0.0.1", with: "localhost"))
                #expect(try await byName.plan(restoring: folder + "/one", replaces: false).likeness == .same)
                let other = try CacheTools(redis: redis.url, database: redis.url.hasSuffix("/5") ? 6 : 5)
                #expect(try await other.plan(restoring: folder + "/one", replaces: false).isElsewhere)
            }
        }
        let first = BackupFile.Origin(address: "a:1", database: 0, runID: "x", madeMilliseconds: 1)
        func likeness(_ address: String, _ runID: String?) -> BackupFile.Origin.Likeness {
            first.likeness(to: .init(address: address, database: 0, runID: runID, madeMilliseconds: 2))
        }
        #expect(likeness("b:1", "x") == .same && likeness("a:1", "y") == .perhaps && likeness("b:1", "y") == .other)
        #expect(likeness("a:1", nil) == .same && likeness("b:1", nil) == .other)
        #expect(BackupFile.Origin(line: String(first.line.dropLast()), version: 2) == first)
        let named = BackupFile.Origin(
            address: "unix:///a b", database: 3, runID: nil, product: "Valkey 9.1.2", madeMilliseconds: 1)
        #expect(named.line == "1 - Valkey/9.1.2 3 unix:///a b\n")
        #expect(BackupFile.Origin(line: String(named.line.dropLast()), version: 2) == named)
        #expect(BackupFile.Origin(line: "1 - 3 unix:///a b", version: 1)?.address == "unix:///a b")
    }

    @Test("what the server would refuse is known before anything is put back, and why")
    func otherProduct() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                try await redis.send("SET", "k:1", "hello")
                let value = try #require(try await redis.send("DUMP", "k:1").bytes)
                try await redis.send("DEL", "k:1")
                // The version stands before the checksum, which comes last.
                var foreign = value
                foreign[foreign.count - 10] = 0xFF
                for (value, isRefused) in [(value, false), (foreign, true)] {
                    let path = "\(folder)/\(isRefused)"
                    let origin = BackupFile.Origin(
                        address: "other:1", database: 0, runID: nil, product: "Valkey 9.1.2", madeMilliseconds: 1)
                    let writer = try BackupWriter(path: path, origin: origin)
                    try writer.add(BackupFile.Record(key: Array("k:1".utf8), expiresMilliseconds: 0, value: value))
                    _ = try writer.finish()
                    let plan = try await redis.tools.plan(restoring: path, replaces: false)
                    #expect((plan.obstacle != nil) == isRefused && plan.status == (isRefused ? .refused : .done))
                    let text = plan.text().words
                    #expect(text.contains("other:1, database 0 (Valkey 9.1.2)"))
                    #expect(text.contains("The backup is of Valkey 9.1.2, and this is Redis ") == isRefused, "\(text)")
                    #expect(try await redis.keys == [])
                    for options in ["--dry-run", "--yes --elsewhere"] where isRefused {
                        let run = try await BatonProgram.run(
                            "baton cache restore '\(path)' \(options) --redis '\(redis.url)'",
                            in: ConfigurationFixture())
                        #expect(run.status == 77 && (run.output + run.errors).words.contains("Valkey 9.1.2"), "\(run)")
                    }
                    #expect(try await redis.keys == [])
                }
            }
        }
    }

    @Test("a backup of version 1 is read")
    func firstVersion() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                try await redis.set("k:1")
                _ = try await backup(redis.tools, folder + "/new", pattern: "*")
                let new = try SmallFile.bytes(folder + "/new", limit: 1 << 20)
                let header = try #require(new.indices.filter { new[$0] == 10 }.dropFirst().first) + 1
                var old = Array("baton-cache-backup 1\n1 - 0 a:1\n".utf8) + new[header...].dropLast(8)
                let sum = FNV1a(old).value
                withUnsafeBytes(of: sum.bigEndian) { old += $0 }
                let file = try #require(fopen(folder + "/old", "w"))
                fwrite(old, 1, old.count, file)
                fclose(file)
                try await redis.send("FLUSHDB")
                #expect(try await restore(redis.tools, folder + "/old").count == 1)
                #expect(try await redis.keys == ["k:1"])
            }
        }
    }

    /// Without `MULTI`, the commands behind it would be run one by one; without `HSET` nobody could tell the leader.
    @Test("a permission that is missing is known before anything is put back", arguments: ["multi", "hset", "restore"])
    func noPermission(_ command: String) async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with(LocalRedis.Options()) { redis, server in
                try await redis.set("k:1", "k:2", to: "old")
                try await redis.send("HSET", "{baton:default}:fence", "epoch", "1")
                _ = try await backup(redis.tools, folder + "/two", pattern: "k:*")
                try await redis.set("k:1", "k:2", to: "new")
                try await redis.send("ACL", "SETUSER", "support", "on", ">word", "~*", "&*", "+@all", "-\(command)")
                let tools = try CacheTools(redis: "redis://support:word@127.0.0.1:\(server.port)")
                let report = try await tools.restore(folder + "/two", replaces: true)
                #expect(report.status == .refused, "\(report.text())")
                #expect(report.count == 0 && report.uncertain == 0)
                #expect(try await redis.send("GET", "k:1").string == "new")
            }
        }
    }

    @Test("what nobody knows is said: the connection ends while Redis holds the last step back")
    func uncertain() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with(LocalRedis.Options()) { redis, server in
                try await redis.set("k:1", "k:2", "k:3")
                _ = try await backup(redis.tools, folder + "/three", pattern: "k:*")
                let tools = try redis.tools
                let plan = try await tools.plan(restoring: folder + "/three", replaces: true)
                try await redis.send("CLIENT", "PAUSE", "60000", "WRITE")
                let restoring = Task {
                    await tools.restore(
                        plan, rate: nil, Requester(name: "anna@laptop", reason: ""), progress: CacheTools.silence)
                }
                // A write that is queued is held back too.
                let end = ContinuousClock.now + .seconds(8)
                while try await redis.send("CLIENT", "LIST").string?.contains("cmd=restore") == false {
                    try #require(ContinuousClock.now < end, "nothing is put back")
                    try await Task.sleep(for: .milliseconds(10))
                }
                try await redis.send("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                try await redis.send("CLIENT", "UNPAUSE")
                let report = await restoring.value
                #expect(report.uncertain == 3 && report.count == 0 && report.status != .done, "\(report.text())")
                #expect(report.text().words.contains("Whether 3 more keys came back is not known: no answer came."))
                #expect(report.json.contains("\"uncertain\": 3") && !report.text().contains("Do it again"))
            }
        }
        var report = BackupReport(verb: "Put back", path: "file", place: "redis://h")
        report.uncertain = 1
        #expect(report.text().words.contains("Do it again: what is there already stays."))
    }

    @Test("a clearing that finds nothing leaves no backup")
    func empty() async throws {
        try await CacheFixture.withFolder { folder in
            try await CacheFixture.with { redis in
                let report = try await redis.tools.clear(
                    .pattern(try CachePattern("k:*")), backup: folder + "/none")
                #expect(report.status == .no && report.backedUp == nil)
                #expect(access(folder + "/none", F_OK) != 0 && access(folder + "/none.partial", F_OK) != 0)
            }
        }
    }
}
