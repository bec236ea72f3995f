internal import Glibc
internal import LocalStack
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A TCP proxy between one replica and its server, which does to the bytes what bad networks do.
///
/// What it does is set for each direction, holds for connections that are open and for new ones, and may change at any
/// time.
public final class FaultyLink: Sendable {
    /// The fate of the bytes of one direction.
    public enum Flow: Hashable, Sendable {
        case pass
        /// They arrive this much later, in order.
        case delayed(Duration)
        /// They are taken and never arrive, and neither does the end of the connection.
        case swallowed
        /// They are not taken: they wait, in the sender's system too, and arrive when the flow passes again.
        case held
    }

    /// Which way bytes go.
    public enum Direction: Hashable, Sendable { case toServer, toClient }

    /// Where clients connect to.
    public let host: String
    /// Where clients connect to; the same for its whole life.
    public let port: Int
    private let loop: any EventLoop
    private let state: Mutex<State>

    fileprivate struct State {
        var target: SocketAddress
        var toServer = Flow.pass
        var toClient = Flow.pass
        /// How many bytes of replies still pass until the connection that carries the next one is reset.
        var replyBytesLeft: Int?
        /// Both ends of every connection.
        var channels: [ObjectIdentifier: any Channel] = [:]
        var listener: (any Channel)?
        var isClosed = false
        var hasSwallowed = false
    }

    private init(host: String, port: Int, target: SocketAddress, loop: any EventLoop) {
        self.host = host
        self.port = port
        state = Mutex(State(target: target))
        self.loop = loop
    }

    /// Starts a proxy that lets everything pass.
    ///
    /// - Parameters:
    ///   - host: the address to listen on, of this machine.
    ///   - serverPort: the server's, on 127.0.0.1.
    /// - Throws: the system's error if it cannot listen on any of ten free ports.
    public static func start(
        listeningOn host: String = "127.0.0.1", to serverPort: Int
    ) async throws -> FaultyLink {
        var attempts = 10
        while true {
            let link = FaultyLink(
                host: host, port: try freePort(), target: try SocketAddress(ipAddress: "127.0.0.1", port: serverPort),
                loop: MultiThreadedEventLoopGroup.singleton.next())
            do {
                try await link.listen()
                return link
            } catch {
                // Another process was quicker.
                attempts -= 1
                guard attempts > 0 else { throw error }
            }
        }
    }

    // MARK: Faults

    /// Sets what becomes of the bytes from now on; nil leaves a direction as it is.
    public func set(toServer: Flow? = nil, toClient: Flow? = nil) {
        let channels = state.withLock { state in
            if let toServer { state.toServer = toServer }
            if let toClient { state.toClient = toClient }
            return Array(state.channels.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(FlowChanged()) }
    }

    /// Resets, once, the connection that carries replies after this many more bytes of them.
    public func cutReply(afterBytes count: Int) {
        state.withLock { $0.replyBytesLeft = count }
    }

    /// Resets every open connection, towards both ends.
    public func resetAll() {
        for channel in state.withLock({ Array($0.channels.values) }) { Self.reset(channel) }
    }

    /// New connections are refused, as if nobody listened; those that are open go on.
    public func refuse() async {
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        try? await listener?.close()
    }

    /// Leads to another server from now on; open connections are reset.
    ///
    /// - Parameter serverPort: the server's, on 127.0.0.1.
    public func retarget(to serverPort: Int) throws {
        let target = try SocketAddress(ipAddress: "127.0.0.1", port: serverPort)
        state.withLock { $0.target = target }
        resetAll()
    }

    /// Undoes every fault; connections that were reset stay so, and those that lack swallowed bytes are reset.
    public func heal() async throws {
        let lacksBytes = state.withLock { state in
            defer { (state.replyBytesLeft, state.hasSwallowed) = (nil, false) }
            return state.hasSwallowed
        }
        if lacksBytes { resetAll() }
        if state.withLock({ $0.listener == nil && !$0.isClosed }) { try await listenAgain() }
        set(toServer: .pass, toClient: .pass)
    }

    /// Ends the proxy and all its connections.
    public func close() async {
        state.withLock { $0.isClosed = true }
        await refuse()
        resetAll()
    }

    // MARK: Connections

    /// A process that is just being started has all our sockets open until its program runs: the listener that was
    /// closed, too.
    private func listenAgain() async throws {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            do {
                return try await listen()
            } catch let error as IOError where error.errnoCode == EADDRINUSE && .now < end {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    private func listen() async throws {
        let listener = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { [self] client in connect(client) }
            .bind(host: host, port: port).get()
        state.withLock { $0.listener = listener }
    }

    private func connect(_ client: any Channel) -> EventLoopFuture<Void> {
        ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .connect(to: state.withLock { $0.target })
            .flatMapThrowing { [self] server in
                try client.pipeline.syncOperations.addHandler(Relay(link: self, .toServer, to: server))
                try server.pipeline.syncOperations.addHandler(Relay(link: self, .toClient, to: client))
                for channel in [client, server] { register(channel) }
            }
            .flatMapErrorThrowing { error in
                Self.reset(client)
                throw error
            }
    }

    private func register(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let isClosed = state.withLock { state in
            state.channels[id] = channel
            return state.isClosed
        }
        channel.closeFuture.whenComplete { [self] _ in state.withLock { $0.channels[id] = nil } }
        if isClosed { Self.reset(channel) }
    }

    fileprivate func flow(_ direction: Direction) -> Flow {
        state.withLock { direction == .toServer ? $0.toServer : $0.toClient }
    }

    fileprivate func noteSwallowed() { state.withLock { $0.hasSwallowed = true } }

    /// How many of these bytes of a reply pass; nil if all do.
    fileprivate func replyCut(_ count: Int) -> Int? {
        state.withLock { state in
            guard let left = state.replyBytesLeft else { return nil }
            state.replyBytesLeft = count <= left ? left - count : nil
            return count <= left ? nil : left
        }
    }

    /// Closes with RST in place of FIN.
    fileprivate static func reset(_ channel: any Channel) {
        guard let socket = channel as? any SocketOptionProvider else { return channel.close(promise: nil) }
        socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
    }
}

/// Tells the relays to look again at what they may do.
private struct FlowChanged: Sendable {}

/// Carries the bytes of one direction of one connection.
private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: FaultyLink
    private let direction: FaultyLink.Direction
    private let partner: any Channel
    /// The bytes that were read and have not been handed on, oldest first.
    private var waiting: CircularBuffer<(due: NIODeadline, bytes: ByteBuffer)> = []
    private var lastDue = NIODeadline.uptimeNanoseconds(0)
    private var hasEnded = false

    init(link: FaultyLink, _ direction: FaultyLink.Direction, to partner: any Channel) {
        self.link = link
        self.direction = direction
        self.partner = partner
    }

    func handlerAdded(context: ChannelHandlerContext) { follow(context) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is FlowChanged { follow(context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var delay = TimeAmount.zero
        switch link.flow(direction) {
        case .swallowed: return link.noteSwallowed()
        case .delayed(let duration): delay = TimeAmount(duration)
        case .pass, .held: break
        }
        lastDue = max(lastDue, .now() + delay)
        waiting.append((lastDue, unwrapInboundIn(data)))
        deliver(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        hasEnded = true
        deliver(context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func follow(_ context: ChannelHandlerContext) {
        let reads = link.flow(direction) != .held
        context.channel.setOption(.autoRead, value: reads).whenFailure { _ in }
        deliver(context)
    }

    private func deliver(_ context: ChannelHandlerContext) {
        let flow = link.flow(direction)
        guard flow != .held else { return }
        while let (due, bytes) = waiting.first {
            guard due <= .now() else {
                let later = NIOLoopBound((relay: self, context: context), eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(deadline: due) {
                    later.value.relay.deliver(later.value.context)
                }
                return
            }
            waiting.removeFirst()
            pass(bytes)
        }
        if hasEnded, flow != .swallowed { partner.close(promise: nil) }
    }

    private func pass(_ bytes: ByteBuffer) {
        guard direction == .toClient, let count = link.replyCut(bytes.readableBytes) else {
            partner.writeAndFlush(bytes, promise: nil)
            return
        }
        waiting.removeAll()
        let client = partner
        client.writeAndFlush(bytes.getSlice(at: bytes.readerIndex, length: count) ?? ByteBuffer(), promise: nil)
        // The beginning is to be read before the reset is noticed.
        client.eventLoop.scheduleTask(in: .milliseconds(20)) { FaultyLink.reset(client) }
    }
}
