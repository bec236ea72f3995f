import Drills
import Glibc
import LocalStack
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Operations

@Suite("The end of a process that reads")
struct CancelAtEndTests {
    @Test("its requests to cancel stay until the server has closed them")
    func waits() async throws {
        let datasets = """
            version: 1
            datasets:
              slow: { query: "select 1 as id, pg_sleep(100)::text as nothing", identity: [id], key: "slow:{id}" }

            """
        try await InspectionFixture.with(datasets) { fixture in
            let pooler = try await SlowPooler.start(before: fixture.postgres.port)
            let url = fixture.databaseURL.replacing(":\(fixture.postgres.port)/", with: ":\(pooler.port)/")
            let replica = try await ReplicaProcess.start(
                "a", configuration: "\(fixture.files.folder)/baton.yaml",
                environment: ["BATON_POSTGRES_URL": url, "BATON_SHUTDOWN_DRAIN": "100ms"])
            do {
                try await eventually("it reads") {
                    let count = """
                        select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(100)%'
                        and application_name = 'baton' and datname = current_database()
                        """
                    let name = url.split(separator: "/").last.map(String.init) ?? ""
                    return try await fixture.postgres.run(sql: count, database: name) != "0"
                }
                try replica.process.signal(SIGTERM)
                #expect(await replica.ended(within: .seconds(20)) == .exited(0))
                try await eventually("the request has come") { pooler.requests.count == 1 }
                #expect(pooler.requests.abandoned == 0)
            } catch {
                await replica.process.kill()
                throw error
            }
            await pooler.close()
        }
    }
}

/// Stands before a PostgreSQL and passes everything on, requests to cancel after a while.
private final class SlowPooler: Sendable {
    let port: Int
    private let channel: any Channel
    private let counts: Counts

    /// Requests to cancel, and those whose client had gone when they were passed on.
    var requests: (count: Int, abandoned: Int) { counts.requests.withLock { $0 } }

    fileprivate final class Counts: Sendable {
        let requests = Mutex((count: 0, abandoned: 0))
    }

    private init(_ channel: any Channel, _ counts: Counts) {
        self.channel = channel
        self.counts = counts
        port = channel.localAddress?.port ?? 0
    }

    static func start(before serverPort: Int) async throws -> SlowPooler {
        let counts = Counts()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Client(serverPort, counts))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return SlowPooler(channel, counts)
    }

    func close() async { try? await channel.close() }

    private final class Client: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let serverPort: Int
        private let counts: Counts
        private var server: EventLoopFuture<any Channel>?

        init(_ serverPort: Int, _ counts: Counts) {
            self.serverPort = serverPort
            self.counts = counts
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            let client = context.channel
            let server = self.server ?? connect(client)
            self.server = server
            // As PostgreSQL's protocol has it: a length of 16, and the code of a request to cancel.
            let isCancel = bytes.getInteger(at: bytes.readerIndex, as: UInt64.self) == 16 << 32 | 80_877_102
            guard isCancel else {
                server.whenSuccess { $0.writeAndFlush(bytes, promise: nil) }
                return
            }
            client.eventLoop.scheduleTask(in: .milliseconds(120)) { [counts] in
                counts.requests.withLock { requests in
                    requests.count += 1
                    if !client.isActive { requests.abandoned += 1 }
                }
                server.whenSuccess { $0.writeAndFlush(bytes, promise: nil) }
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            server?.whenSuccess { $0.close(promise: nil) }
        }

        private func connect(_ client: any Channel) -> EventLoopFuture<any Channel> {
            ClientBootstrap(group: client.eventLoop)
                .channelInitializer { server in
                    server.eventLoop.makeCompletedFuture {
                        try server.pipeline.syncOperations.addHandler(Answers(to: client))
                    }
                }
                .connect(host: "127.0.0.1", port: serverPort)
        }
    }

    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let client: any Channel

        init(to client: any Channel) { self.client = client }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            client.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { client.close(promise: nil) }
    }
}
