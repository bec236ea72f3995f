import Foundation
import Synchronization
import Testing

/// Every version of the servers, and every way to PostgreSQL.
@Suite("On other servers", .timeLimit(.minutes(10)))
struct EngineTests {
    static let isFull = ProcessInfo.processInfo.environment["BATON_ENGINES"] == "all"

    /// Each server and each way at least once; together about as quick as one pair is.
    static let some: [(Engine, Engine, [Way])] = [
        (Engine.postgres[0], Engine.redis[0], [.session]), (Engine.postgres[1], Engine.redis[2], [.direct]),
        (Engine.postgres[2], Engine.redis[3], [.transaction]),
    ]
    static let all = Engine.postgres.flatMap { postgres in Engine.redis.map { (postgres, $0, Way.allCases) } }

    @Test(
        "Values equal to_jsonb under hostile settings; hand-over, clear, backup and restore work",
        .enabled(if: Engine.obstacle == nil, Comment(rawValue: Engine.obstacle ?? "")), arguments: isFull ? all : some)
    func works(postgres: Engine, redis: Engine, ways: [Way]) async throws {
        guard try await Trial.run(postgres, redis, ways), Self.isFull else { return }
        let count = Self.working.withLock { working in
            working.insert("\(postgres), \(redis)")
            return working.count
        }
        if count == Self.all.count { print(Self.written) }
    }

    /// The pairs that were tried in full, and work.
    private static let working = Mutex<Set<String>>([])

    @Test("The table of what works is the one in docs/tested.md")
    func table() throws {
        let page = try String(contentsOfFile: "\(Engine.repository)/docs/tested.md", encoding: .utf8)
        #expect(page.contains(Self.written), "docs/tested.md should hold:\n\(Self.written)")
    }

    @Test("The servers are those of Tests/engines.txt")
    func wheels() throws {
        let lines = try String(contentsOfFile: "\(Engine.repository)/Tests/engines.txt", encoding: .utf8)
            .split(separator: "\n").filter { !$0.hasPrefix("#") }.map { String($0) }
        #expect(lines.sorted() == (Engine.postgres + Engine.redis).compactMap(\.wheel).sorted())
    }

    private static var written: String {
        let ways = Way.allCases.map(\.rawValue).joined(separator: ", ")
        let head = "| | \(Engine.redis.map(\.name).joined(separator: " | ")) |"
        let rule = "| --- |\(String(repeating: " --- |", count: Engine.redis.count))"
        let rows = Engine.postgres.map { postgres in
            "| \(postgres.name) |\(String(repeating: " \(ways) |", count: Engine.redis.count))"
        }
        return ([head, rule] + rows).joined(separator: "\n")
    }
}
