internal import NIOCore
internal import NIOHTTP1

/// One request and its answer.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let routes: HTTPRoutes
    private let timeout: TimeAmount
    private var request: HTTPRequestHead?
    private var hasAnswered = false
    private var deadline: Scheduled<Void>?

    init(_ routes: HTTPRoutes, timeout: TimeAmount) {
        self.routes = routes
        self.timeout = timeout
    }

    func channelActive(context: ChannelHandlerContext) {
        restartDeadline(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = head
        case .body: break
        case .end: if let request { answer(request, context) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case is HTTPRequestLimit.Exceeded:
            refuse(request == nil ? .requestHeaderFieldsTooLarge : .payloadTooLarge, context)
        case HTTPParserError.headerOverflow: refuse(.requestHeaderFieldsTooLarge, context)
        case is HTTPParserError: refuse(.badRequest, context)
        default: context.close(promise: nil)
        }
    }

    // MARK: Answering

    private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // Nobody gets a second page, so that none is made.
        guard !hasAnswered else { return }
        let path = String(request.uri.prefix { $0 != "?" })
        guard let page = routes[path] else { return refuse(.notFound, context) }
        switch request.method {
        case .GET: send(page(), context)
        case .HEAD: send(page(), isHead: true, context)
        default: refuse(.methodNotAllowed, headers: [("Allow", "GET, HEAD")], context)
        }
    }

    private func refuse(
        _ status: HTTPResponseStatus, headers: [(String, String)] = [], _ context: ChannelHandlerContext
    ) {
        let answer = HTTPAnswer(
            status: status, contentType: "text/plain; charset=utf-8", body: "\(status.code) \(status.reasonPhrase)\n")
        send(answer, isHead: request?.method == .HEAD, headers: headers, context)
    }

    private func send(
        _ answer: HTTPAnswer, isHead: Bool = false, headers more: [(String, String)] = [],
        _ context: ChannelHandlerContext
    ) {
        guard !hasAnswered else { return }
        hasAnswered = true
        restartDeadline(context)
        let headers = HTTPHeaders(
            [
                ("Content-Type", answer.contentType), ("Content-Length", "\(answer.body.utf8.count)"),
                ("Cache-Control", "no-store"), ("Connection", "close"),
            ] + more)
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            context.write(
                wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: answer.body)))), promise: nil
            )
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        // The other side closes once it has read: closing both ways could take from it what it has not read yet.
        context.close(mode: .output, promise: nil)
    }

    private func restartDeadline(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }
}

/// Lets this many bytes of a request pass and drops the rest, so that nothing is kept of what is too large.
final class HTTPRequestLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    struct Exceeded: Error {}

    private var left: Int

    init(_ limit: Int) { left = limit }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard left >= 0 else { return }
        left -= unwrapInboundIn(data).readableBytes
        if left >= 0 { context.fireChannelRead(data) } else { context.fireErrorCaught(Exceeded()) }
    }
}
