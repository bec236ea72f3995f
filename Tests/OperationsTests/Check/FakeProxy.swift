import NIOCore
import NIOPosix

/// Answers as Envoy's Redis proxy does: by itself, with a time that is none, and as if all were a cluster.
struct FakeProxy {
    let port: Int
    private let channel: any Channel

    var url: String { "redis://127.0.0.1:\(port)/0" }

    static func start() async throws -> FakeProxy {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Answers()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeProxy(port: channel.localAddress?.port ?? 0, channel: channel)
    }

    func close() async { try? await channel.close() }

    /// What is sent is so short that each command comes in one piece.
    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private static let answers = [
            "PING": "+PONG\r\n", "CLIENT": "+OK\r\n",
            "TIME": "*2\r\n$10\r\n1795253980\r\n$16\r\n1795253980057128\r\n",
            "HELLO": "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n$7\r\ncluster\r\n",
            "INFO": "$18\r\nredis_mode:cluster\r\n",
        ]

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            let lines = String(buffer: bytes).split(separator: "\r\n").map(String.init)
            var answer = ""
            for (line, word) in zip(lines, lines.dropFirst(2)) where line.hasPrefix("*") {
                answer += Self.answers[word.uppercased()] ?? "-ERR unknown command '\(word)'\r\n"
            }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }
}
