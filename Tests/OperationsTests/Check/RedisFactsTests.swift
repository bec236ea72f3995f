import Testing

@testable import Operations

@Suite("What a Redis says of itself")
struct RedisFactsTests {
    private func findings(_ lines: String, holdsLease: Bool = true) -> [Finding] {
        RedisFacts(info: "# Server\r\nredis_version:7.0.15\r\nrole:master\r\n\(lines)\r\n").findings(
            holdsLease: holdsLease)
    }

    @Test("nothing stands against a plain one")
    func plain() {
        #expect(findings("cluster_enabled:0\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction").isEmpty)
    }

    @Test(
        "a policy that evicts the lease is a problem where memory is limited",
        arguments: ["volatile-ttl", "volatile-random", "allkeys-random"])
    func fatalPolicy(_ policy: String) {
        #expect(findings("maxmemory:1000\r\nmaxmemory_policy:\(policy)").map(\.severity) == [.problem])
        #expect(findings("maxmemory:0\r\nmaxmemory_policy:\(policy)").map(\.severity) == [.warning])
    }

    @Test(
        "a policy that spares what is used all the time is a warning",
        arguments: ["volatile-lru", "volatile-lfu", "allkeys-lru", "allkeys-lfu"])
    func bearablePolicy(_ policy: String) {
        #expect(findings("maxmemory:1000\r\nmaxmemory_policy:\(policy)").map(\.severity) == [.warning])
        #expect(findings("maxmemory:0\r\nmaxmemory_policy:\(policy)").map(\.severity) == [.note])
    }

    @Test("without the lease, only random eviction of every key is a problem")
    func withoutLease() {
        #expect(
            findings("maxmemory:1\r\nmaxmemory_policy:volatile-ttl", holdsLease: false).map(\.severity) == [.warning])
        #expect(
            findings("maxmemory:1\r\nmaxmemory_policy:allkeys-random", holdsLease: false).map(\.severity) == [.problem])
    }

    @Test(
        "what can't work is a problem",
        arguments: [
            ("cluster_enabled:1", "cluster mode"),
            ("role:slave\r\nmaster_host:db1\r\nmaster_port:6380", "a replica of db1:6380"),
            ("redis_version:6.0.16", "too old"),
            ("redis_version:5.0", "too old"),
            ("redis_mode:sentinel", "Sentinel"),
            ("rdb_last_bgsave_status:err", "snapshot failed"),
            ("aof_enabled:1\r\naof_last_write_status:err", "append-only"),
        ])
    func problems(_ lines: String, words: String) throws {
        let finding = try #require(findings(lines).first)
        #expect(finding.severity == .problem)
        #expect(finding.text.contains(words))
        #expect(!finding.remedy.isEmpty)
    }

    @Test("a Valkey is taken for what it is", arguments: ["redis_version:7.2.4\r\nvalkey_version:8.0.1"])
    func valkey(_ lines: String) {
        #expect(findings(lines).isEmpty)
        #expect(RedisFacts(info: lines).product == "Valkey 8.0.1")
    }

    @Test("the keys of each database are counted")
    func keys() {
        let facts = RedisFacts(info: "db0:keys=12,expires=3,avg_ttl=0\r\ndb3:keys=4,expires=0")
        #expect(facts.keyCount(database: 0) == 12)
        #expect(facts.keyCount(database: 3) == 4)
        #expect(facts.keyCount(database: 1) == 0)
    }
}
