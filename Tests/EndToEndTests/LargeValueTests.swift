import Drills
import Foundation
import LocalStack
import Testing

@Suite("A value larger than a replica's memory", .serialized)
struct LargeValueTests {
    /// More than that of a leader without it; the thread sanitizer takes a multiple of everything.
    private static let bound = 64 << 20

    @Test("never reaches the leader: its row is named, all others are written, and the leader stays as small as it was")
    func leftOut() async throws {
        let schema = """
            create table texts (id int primary key, text text);
            insert into texts select n, 'text ' || n from generate_series(1, 20) n;
            """
        try await Cluster.with(
            sql: schema,
            datasets: "version: 1\ndatasets:\n  texts: { table: texts, key: \"text:{id}\", every: 200ms }\n"
        ) { cluster in
            let replica = try await cluster.start("a")
            try await eventually("the cache to be filled") { try await cluster.command("EXISTS", "text:20") == "1" }
            let before = try Self.peakBytes(of: replica)
            // The rows that come last would be missing if the large one stopped the pass.
            let change = """
                insert into texts values (21, repeat('x', 250 << 20));
                update texts set text = 'new ' || id where id <= 20; insert into texts values (22, 'new 22')
                """
            _ = try await cluster.postgres.run(sql: change, database: "app")
            try await eventually("the other rows to be written") {
                try await cluster.command("MGET", "text:1", "text:20", "text:22").contains("new 1\"}\n")
            }
            try await replica.firstLine("the row's name") {
                $0.text.contains("21: the value has at least \(250 << 20) bytes")
            }
            #expect(try await cluster.command("MGET", "text:20", "text:22").contains("new 22"))
            #expect(try await cluster.command("EXISTS", "text:21") == "0")
            let after = try Self.peakBytes(of: replica)
            #expect(after - before < Self.bound / 2, "\(before) → \(after)")
            if ProcessInfo.processInfo.environment["TSAN_OPTIONS"] == nil {
                print("peak of a leader beside a value of 250 MiB: \(after >> 20) MiB, \(before >> 20) MiB without")
            }
        }
    }

    private static func peakBytes(of replica: ReplicaProcess) throws -> Int {
        try #require(ProcessStatus(of: replica.process.pid)).peakMemory
    }
}
