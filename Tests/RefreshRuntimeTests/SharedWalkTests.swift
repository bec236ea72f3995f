import CacheRefresh
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import GroupState
@testable import RefreshRuntime

/// How often all keys of a Redis are looked at, and what that costs it.
@Suite("One walk over the keys for all templates")
struct SharedWalkTests {
    private static let templates = (1...20).map { "family\($0):{id}" }
    private static let foreignKeys = 300_000

    private static func fill(_ world: RefreshWorld, foreignKeys: Int = foreignKeys) async throws {
        try await world.command(
            "EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'session:' .. i, 'x') end", "0", "\(foreignKeys)"
        )
        for template in templates { try await world.command("SET", template.replacing("{id}", with: "99"), "orphan") }
    }

    /// Processor time that the server has used, in seconds.
    private static func processorTime(_ world: RefreshWorld) async throws -> Double {
        let info = try await world.command("INFO", "cpu").string ?? ""
        let statistics = info.split(whereSeparator: \.isNewline).filter {
            $0.hasPrefix("used_cpu_user:") || $0.hasPrefix("used_cpu_sys:")
        }
        return statistics.compactMap { Double($0.split(separator: ":")[1]) }.reduce(0, +)
    }

    private static func scans(_ world: RefreshWorld) async throws -> Int {
        let info = try await world.command("INFO", "commandstats").string ?? ""
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_scan:calls=") }
        return line.flatMap { Int($0.dropFirst("cmdstat_scan:calls=".count).prefix { $0.isNumber }) } ?? 0
    }

    /// What it costs to look for the keys of each template by itself.
    private static func costOfSingleWalks(_ world: RefreshWorld) async throws -> Double {
        let before = try await processorTime(world)
        for template in templates {
            let form = KeyForm(try KeyTemplate(template), prefix: "")
            try await Inventory(redis: world.redis).forEachPage(matching: form.pattern) { _ in }
        }
        return try await processorTime(world) - before
    }

    /// - Returns: the processor time of the first passes, beside that of a walk for each template.
    private static func measure(_ world: RefreshWorld, _ datasets: [Dataset]) async throws -> (Double, Double) {
        try await fill(world)
        let service = RefreshService(
            configuration: try world.configuration(datasets), keys: world.keys, deployment: "test",
            redis: ["main": try world.makeClient()], logger: RefreshWorld.quiet)
        let (before, scans) = (try await processorTime(world), try await scans(world))
        let term = try await world.elect()
        let task = Task { await service.lead(term) }
        try await world.wait(until: "all passes have ended") {
            // Rarely: what is asked here costs Redis something too, and is counted.
            try await Task.sleep(for: .milliseconds(500))
            let orphans = try await world.command(["EXISTS"] + templates.map { $0.replacing("{id}", with: "99") })
            let count = try await world.command("DBSIZE")
            return orphans.int == 0 && count.int ?? 0 >= foreignKeys + 100
        }
        task.cancel()
        await task.value
        let cost = try await processorTime(world) - before
        // One walk takes as many as there are pages.
        #expect(try await Self.scans(world) - scans <= 2 * foreignKeys / Inventory.pageSize)
        for template in templates {
            #expect(try await world.get(template.replacing("{id}", with: "5"))?.isEmpty == false)
        }
        return (cost, try await costOfSingleWalks(world))
    }

    @Test("of one dataset")
    func oneDataset() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables, redis: LocalRedis.Options()) { world in
            let (cost, single) = try await Self.measure(
                world, [.table("t", Self.templates, every: .seconds(60))])
            print("20 templates of one dataset: \(cost) s of Redis' processor, in walks of their own \(single) s")
            #expect(cost <= single / 10)
        }
    }

    @Test("of many datasets")
    func manyDatasets() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables, redis: LocalRedis.Options()) { world in
            let datasets = try Self.templates.enumerated().map { number, template in
                var dataset = try Dataset.table("t", [template], every: .seconds(60))
                dataset.name = "t\(number)"
                return dataset
            }
            let (cost, single) = try await Self.measure(world, datasets)
            print("20 datasets: \(cost) s of Redis' processor, in walks of their own \(single) s")
            #expect(cost <= single / 10)
        }
    }

    @Test("of a dataset beside a cache that applications fill", arguments: [Dataset.WriteMode.existing, .invalidate])
    func besideApplications(_ mode: Dataset.WriteMode) async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables, redis: LocalRedis.Options()) { world in
            let foreignKeys = 20_000
            try await Self.fill(world, foreignKeys: foreignKeys)
            let before = try await Self.scans(world)
            try await world.leader(of: .table("t", Self.templates, mode: mode)).tick()
            #expect(try await Self.scans(world) - before <= 2 * foreignKeys / Inventory.pageSize)
            #expect(try await world.command("DBSIZE").int ?? 0 < foreignKeys + Self.templates.count)
        }
    }

    @Test("what was put aside before the Redis lost data, or for another template, is not believed")
    func distrust() async throws {
        try await RefreshWorld.onRedisOnly { world in
            try await world.command("MSET", "a:1", "x", "b:1", "x", "c:1", "x", "other", "x")
            let inventory = Inventory(redis: world.redis)
            let (a, b) = (try Dataset.table("a", ["a:{id}"]), try Dataset.table("b", ["b:{id}"]))
            var renamed = b
            renamed.keys = [.init(template: try KeyTemplate("c:{id}"), value: .row)]
            func keys(_ walk: SharedWalk, _ dataset: Dataset, losses: Int = 0) async throws -> [String] {
                var keys: [String] = []
                try await walk.forEachPage(of: dataset, after: losses, inventory) { page in
                    keys += page.map { String(decoding: $0, as: UTF8.self) }
                }
                return keys.sorted()
            }
            let walk = SharedWalk([a, b], keyPrefix: "")
            #expect(try await keys(walk, a) == ["a:1"])
            try await world.command("SET", "b:2", "x")
            // From the walk before; then from a new one.
            #expect(try await keys(walk, b) == ["b:1"])
            #expect(try await keys(walk, b) == ["b:1", "b:2"])

            let another = SharedWalk([a, b], keyPrefix: "")
            #expect(try await keys(another, a) == ["a:1"])
            try await world.command("SET", "b:3", "x")
            #expect(try await keys(another, renamed) == ["c:1"])
            #expect(try await keys(another, b, losses: 1) == ["b:1", "b:2", "b:3"])
            #expect(try await keys(another, a, losses: 1) == ["a:1"])
        }
    }
}
