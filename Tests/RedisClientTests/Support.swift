import LocalStack
import Logging
import NIOCore
import NIOPosix
import RedisClient
import Testing

/// What the tests of real connections share.
enum Support {
    static let logger = Logger(label: "test")

    static var eventLoop: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }

    /// Generous times, for loaded machines: a test that waits for a deadline sets its own.
    static func configuration(_ url: String) throws -> RedisConfiguration {
        RedisConfiguration(
            url: try RedisURL(url), connectTimeout: .seconds(60), commandTimeout: .seconds(60),
            backoff: RedisBackoff(initial: .milliseconds(10), maximum: .milliseconds(50)))
    }

    static func connect(_ configuration: RedisConfiguration) async throws(RedisError) -> RedisConnection {
        try await RedisConnection.connect(configuration, eventLoop: Self.eventLoop, logger: Self.logger)
    }

    /// Opens a connection, lets `body` use it, and closes it whatever happens.
    static func withConnection<Value>(
        _ configuration: RedisConfiguration, _ body: (RedisConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await Self.connect(configuration)
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    static func withClient<Value>(
        _ configuration: RedisConfiguration, _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = RedisClient(configuration, eventLoop: Self.eventLoop, logger: Self.logger)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    /// The error of something that has to fail.
    static func failure(
        sourceLocation: SourceLocation = #_sourceLocation, of body: () async throws(RedisError) -> some Sendable
    ) async throws -> RedisError {
        do throws(RedisError) {
            let value = try await body()
            Issue.record("was to fail, but gave \(value)", sourceLocation: sourceLocation)
            throw RedisError(code: .closed, delivery: .unknown, message: "nothing failed")
        } catch {
            return error
        }
    }

    /// Waits until something is so, for at most 60 s.
    static func eventually(
        sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !condition() {
            guard ContinuousClock.now < end else {
                Issue.record("did not come true in time", sourceLocation: sourceLocation)
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// A server that says what a test wants it to, once for each connection as soon as that has sent something.
struct FakeServer {
    let port: Int
    private let channel: any Channel

    var url: String { "redis://127.0.0.1:\(self.port)" }

    static func start(answering replies: [UInt8], thenClosing: Bool = false) async throws -> FakeServer {
        let channel = try await ServerBootstrap(group: Support.eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FakeAnswers(replies: replies, thenClosing: thenClosing))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeServer(port: channel.localAddress?.port ?? 0, channel: channel)
    }

    func close() async {
        try? await self.channel.close()
    }
}

private final class FakeAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let replies: [UInt8]
    private let thenClosing: Bool
    private var hasAnswered = false

    init(replies: [UInt8], thenClosing: Bool) {
        self.replies = replies
        self.thenClosing = thenClosing
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasAnswered else { return }
        self.hasAnswered = true
        if !self.replies.isEmpty {
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: self.replies)), promise: nil)
        }
        if self.thenClosing { context.close(promise: nil) }
    }
}
