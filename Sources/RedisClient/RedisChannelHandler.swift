internal import NIOCore

/// Stands between a socket and its ``RedisConnection``: bytes become values, the socket's events become calls.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let connection: RedisConnection
    private let reader: ReplyReader

    init(connection: RedisConnection, maximumReplyBytes: Int) {
        self.connection = connection
        self.reader = ReplyReader(maximumReplyBytes: maximumReplyBytes)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(ReplyReader.Malformed) {
            try self.reader.read(self.unwrapInboundIn(data)) { self.connection.received($0) }
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
        self.connection.end(.transport(error, expectedName: self.connection.serverName))
    }
}
