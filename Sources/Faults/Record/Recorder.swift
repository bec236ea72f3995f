internal import Drills
internal import Glibc
public import LocalStack
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Writes a ``History``: what replicas log, and through a `MONITOR` connection all that Redis does.
public final class Recorder: Sendable {
    private let began = ContinuousClock.now
    private let group: String
    private let state = Mutex(State())

    private struct State {
        var history = History()
        var monitor: (any Channel)?
        /// Whether Redis has agreed.
        var isListening = false
        /// The marker that was seen last, see ``catchUp(_:)``.
        var marker = 0
        var lastMarker = 0
    }

    /// - Parameter group: the replicas' group.
    public init(group: String = "default") { self.group = group }

    /// What was observed until now.
    public var history: History { state.withLock { $0.history } }

    /// How long the run has lasted.
    public var elapsed: Duration { .now - began }

    /// Adds what was observed somewhere else.
    public func note(_ event: History.Event) {
        state.withLock { $0.history.entries.append(History.Entry(at: elapsed, event: event)) }
    }

    /// Listens to a Redis until it goes away; all that it does after the return is recorded.
    public func attach(to redis: LocalRedis) async throws {
        let (group, recorder) = (group, self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.maxMessagesPerRead, value: 16)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65536, maximum: 1 << 20)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        MonitorHandler(reader: MonitorReader(group: group), recorder: recorder))
                }
            }
            .connect(unixDomainSocketPath: redis.socketPath).get()
        state.withLock { state in
            state.monitor = channel
            state.isListening = false
        }
        // Both arrive together, so nobody else is served in between.
        let login = redis.password.map { "AUTH default \($0)\r\n" } ?? ""
        try await channel.writeAndFlush(ByteBuffer(string: "\(login)MONITOR\r\n"))
        try await eventually("MONITOR to begin", every: .milliseconds(2)) { state.withLock { $0.isListening } }
    }

    /// Listens to a Redis that is back.
    ///
    /// - Parameter epoch: its fence's; 0 if it has none.
    func reattach(to redis: LocalRedis, epoch: UInt64) async throws {
        try? await state.withLock { $0.monitor }?.closeFuture.get()
        note(.redisResumed(epoch: epoch))
        try await attach(to: redis)
    }

    /// Waits until everything that Redis did before is in the history.
    ///
    /// - Parameter echo: has Redis do `ECHO` with the word that it is given.
    public func catchUp(_ echo: (String) async throws -> Void) async throws {
        let marker = state.withLock { state in
            state.lastMarker += 1
            return state.lastMarker
        }
        // Once more if Redis, or its connection to us, was just being replaced.
        try await eventually("the recorder to catch up", within: .seconds(30), every: .milliseconds(5)) {
            try? await echo(Self.markerPrefix + "\(marker)")
            try await Task.sleep(for: .milliseconds(2))
            return state.withLock { $0.marker >= marker }
        }
    }

    /// Stops listening.
    public func close() async {
        try? await state.withLock { $0.monitor }?.close()
    }

    fileprivate static let markerPrefix = "recorder-marker-"

    fileprivate func isListening() { state.withLock { $0.isListening = true } }

    fileprivate func saw(marker: Int) { state.withLock { $0.marker = max($0.marker, marker) } }
}

/// Cuts what `MONITOR` sends into lines.
private final class MonitorHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var reader: MonitorReader
    private let recorder: Recorder
    private var rest = ByteBuffer()

    init(reader: MonitorReader, recorder: Recorder) {
        self.reader = reader
        self.recorder = recorder
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        rest.writeBuffer(&bytes)
        let used = rest.withUnsafeReadableBytes { bytes in
            var start = 0
            while let base = bytes.baseAddress, let end = memchr(base + start, 10, bytes.count - start) {
                let length = UnsafeRawPointer(end) - base - start
                handle(UnsafeRawBufferPointer(start: base + start, count: length))
                start += length + 1
            }
            return start
        }
        rest.moveReaderIndex(forwardBy: used)
        rest.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) {
        for event in reader.finish() { recorder.note(.redis(event)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func handle(_ bytes: UnsafeRawBufferPointer) {
        guard let line = MonitorLine(bytes) else { return recorder.isListening() }  // the answer to MONITOR
        for event in reader.read(line) { recorder.note(.redis(event)) }
        var words = line
        if !line.isFromScript, words.word() == "ECHO", let marker = words.word(),
            marker.hasPrefix(Recorder.markerPrefix),
            let number = Int(marker.dropFirst(Recorder.markerPrefix.count))
        {
            recorder.saw(marker: number)
        }
    }
}
