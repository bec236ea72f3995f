import Drills
import LocalStack
import RedisClient
import Testing

/// Redis behind a proxy that moves only new connections, as most do.
@Suite("A Redis that is demoted behind a proxy", .serialized)
struct ProxyFailoverTests {
    private struct Pair {
        var primary: LocalRedis
        var standby: LocalRedis

        /// The standby is promoted, the primary follows it, and new connections go to the former.
        mutating func fail(over proxy: LocalHAProxy, _ cluster: Cluster) async throws {
            _ = try await cluster.command("REPLICAOF", "NO", "ONE", at: standby)
            _ = try await cluster.command("REPLICAOF", "127.0.0.1", "\(standby.port)", at: primary)
            try await proxy.direct(to: [standby.port])
            (primary, standby) = (standby, primary)
        }
    }

    @Test("The leader writes again within a second of each failover, and nobody stays at the demoted one")
    func failover() async throws {
        try await Cluster.with(sql: ReplicaTests.schema, datasets: ReplicaTests.datasets) { cluster in
            try await LocalRedis.withServer { second in
                var pair = Pair(primary: cluster.redis, standby: second)
                _ = try await cluster.command("REPLICAOF", "127.0.0.1", "\(cluster.redis.port)", at: second)
                try await LocalHAProxy.withServer(to: [cluster.redis.port]) { proxy async throws in
                    let address = second.url(port: proxy.port)
                    for name in ["a", "b"] {
                        try await cluster.start(name, environment: ["BATON_REDIS_MAIN_URL": address])
                    }
                    try await eventually("the first pass") {
                        try await cluster.command("EXISTS", "merchant:100") == "1"
                    }
                    var times: [Duration] = []
                    for round in 1...3 {
                        let (old, new) = (pair.primary, pair.standby)
                        try await eventually("the standby to have everything") {
                            let isLinked = try await cluster.command("INFO", "replication", at: new)
                                .contains("master_link_status:up")
                            let isFilled = try await cluster.command("EXISTS", "merchant:100", at: new) == "1"
                            return isLinked && isFilled
                        }
                        try await pair.fail(over: proxy, cluster)
                        _ = try await cluster.postgres.run(
                            sql: "update merchants set name = 'round \(round)' where id = 1", database: "app")
                        times.append(
                            try await eventually("the change at the new primary") {
                                try await cluster.command("GET", "merchant:1", at: new).contains("round \(round)")
                            })
                        try await eventually("nobody at the demoted one") {
                            try await !cluster.command("CLIENT", "LIST", at: old).contains("name=baton")
                        }
                    }
                    times.sort()
                    #expect(times[1] <= .seconds(1), "\(times)")
                    print("writing again after a failover behind a proxy: \(times)")
                }
            }
        }
    }
}
