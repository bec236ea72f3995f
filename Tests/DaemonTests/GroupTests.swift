import CacheRefresh
import GroupState
import NIOHTTP1
import RedisClient
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import Daemon
@testable import StatusServer
@testable import Telemetry

@Suite("The groups of one replica")
struct GroupTests {
    @Test("Two stand side by side on the same servers: each has its lease, its keys and its metrics, and ends in order")
    func sideBySide() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let threads = Threads(RefreshWorld.quiet)
            let tables = ["shop": "t", "bank": "u"]
            let metrics = ReplicaMetrics(groups: tables.keys.sorted(), version: "1.2.3", commit: "abc")
            let groups = try tables.map { name, table in
                let configuration = Configuration(
                    group: name, postgres: .init(url: world.databaseURL),
                    redis: ["main": .init(url: try RedisURL(world.redisURL))],
                    datasets: [try .table(table, ["\(name):{id}"])])
                return Group(
                    configuration, secrets: Secrets(configuration), replica: "a",
                    logs: Logs(configuration.log, replica: "a", output: LogOutput(.json, write: { _ in })),
                    threads: threads,
                    metrics: metrics)
            }
            let health = Health(groups.map(\.health))
            #expect(health.readiness().status == .serviceUnavailable)
            let running = groups.map { group in
                Task {
                    try await GroupService(group: group, threads: threads, reloads: AsyncStream { $0.finish() }).run()
                }
            }
            for group in groups {
                try await world.wait(until: "\(group.name) is refreshed") {
                    try await world.command("EXISTS", "\(group.name):5").int == 1
                }
                #expect(try await world.command("EXISTS", group.keys.lease, group.keys.marks).int == 2)
                #expect(metrics.registry.text.contains("baton_is_leader{group=\"\(group.name)\"} 1\n"))
                #expect(
                    metrics.registry.text.contains(
                        "baton_keys_written_total{dataset=\"\(tables[group.name]!)\",group=\"\(group.name)\"} 5\n"))
            }
            #expect(health.readiness().status == .ok)
            for task in running { task.cancel() }
            for task in running { try await task.value }
            for group in groups { #expect(try await world.command("EXISTS", group.keys.lease).int == 0) }
            await threads.stop()
        }
    }
}
