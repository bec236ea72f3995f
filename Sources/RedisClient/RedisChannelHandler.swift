internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Stands between a socket and its ``RedisConnection``: bytes become values, the socket's events become calls.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let connection: RedisConnection
    private let reader: ReplyReader

    private let tls: TLSSetup?
    private var hasRead = false
    /// How a TLS server begins to say that it did not understand.
    private static let alert: [UInt8] = [0x15, 0x03]

    init(connection: RedisConnection, tls: TLSSetup?, maximumReplyBytes: Int) {
        self.connection = connection
        self.tls = tls
        self.reader = ReplyReader(maximumReplyBytes: maximumReplyBytes)
    }

    func channelActive(context: ChannelHandlerContext) {
        if self.tls == nil { self.connection.becameSecure() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let tls = self.tls, case .handshakeCompleted? = event as? TLSUserEvent else { return }
        let certificate = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self).peerCertificate
        if let certificate, tls.accepts(certificate) {
            self.connection.becameSecure()
        } else {
            self.connection.end(.wrongServerName(tls.expectedName))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        defer { self.hasRead = true }
        if !self.hasRead, self.tls == nil, buffer.readableBytesView.starts(with: Self.alert) {
            return self.connection.end(.speaksTLS)
        }
        do throws(ReplyReader.Malformed) {
            try self.reader.read(buffer) { self.connection.received($0) }
        } catch {
            self.connection.end(.protocolViolation(error.detail))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.connection.writeQueued()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.connection.writabilityChanged(context.channel.isWritable)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.connection.end(.closedByPeer)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.connection.end(.transport(error, expectedName: self.tls?.expectedName))
    }
}
