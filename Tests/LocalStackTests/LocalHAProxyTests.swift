import Glibc
import Testing

@testable import LocalStack

@Suite struct LocalHAProxyTests {
    /// A connection that was open before stays at its server.
    @Test func onlyNewConnectionsMove() async throws {
        try await LocalRedis.withServer { first in
            try await LocalRedis.withServer { second in
                try await LocalHAProxy.withServer(to: [first.port]) { proxy async throws in
                    #expect(try await port(behind: proxy) == first.port)
                    let client = try await ChildProcess.start(
                        "/bin/sh",
                        [
                            "-c",
                            """
                            while echo config get port; do sleep 0.02; done | redis-cli -p \(proxy.port) | grep --line-buffered -v port
                            """,
                        ], environment: first.environment)
                    var answers = client.standardOutput.makeAsyncIterator()
                    #expect(await answers.next() == "\(first.port)")
                    try await proxy.direct(to: [second.port])
                    #expect(try await port(behind: proxy) == second.port)
                    for _ in 0..<5 { #expect(await answers.next() == "\(first.port)") }
                    try await proxy.cut()
                    // The program connects anew.
                    var answer = await answers.next()
                    while answer == "\(first.port)" { answer = await answers.next() }
                    #expect(answer != nil)
                    await client.kill()
                }
            }
        }
    }

    @Test func connectionsGoToEachServerInTurn() async throws {
        try await LocalRedis.withServer { first in
            try await LocalRedis.withServer { second in
                try await LocalHAProxy.withServer(to: [first.port, second.port]) { proxy async throws in
                    var seen: [Int?] = []
                    for _ in 0..<4 { seen.append(try await port(behind: proxy)) }
                    #expect(seen.count { $0 == first.port } == 2 && seen.count { $0 == second.port } == 2)
                    try await proxy.direct(to: [])
                    #expect(try await port(behind: proxy) == nil)
                    try await proxy.direct(to: [second.port])
                    #expect(try await port(behind: proxy) == second.port)
                }
            }
        }
    }

    @Test func itIsGoneAfterwardsAndCanBeStartedAgain() async throws {
        try await LocalRedis.withServer { redis in
            let proxy = try await LocalHAProxy.start(to: [redis.port])
            await proxy.kill()
            #expect(!proxy.isRunning)
            #expect(try await port(behind: proxy) == nil)
            try await proxy.restart()
            try await proxy.direct(to: [redis.port])
            #expect(try await port(behind: proxy) == redis.port)
            await proxy.close()
            #expect(!Files.exists(proxy.logPath))
            #expect(throws: LocalStackError.self) { try proxy.signal(SIGTERM) }
            await #expect(throws: LocalStackError.self) { try await proxy.direct(to: []) }
        }
    }

    /// The port of the Redis that a new connection reaches; nil if it reaches none.
    private func port(behind proxy: LocalHAProxy) async throws -> Int? {
        let answer = try? await redis(port: proxy.port, ["config", "get", "port"])
        return answer?.split(separator: "\n").last.flatMap { Int($0) }
    }
}
