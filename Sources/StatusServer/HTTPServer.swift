package import BatonConfiguration
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// The answer to a request for a page.
package struct HTTPAnswer: Sendable {
    var status = HTTPResponseStatus.ok
    var contentType: String
    var body: String
}

/// Which page is made by what. It is made anew for each request, on the server's thread, and must not block.
package typealias HTTPRoutes = [String: @Sendable () -> HTTPAnswer]

/// Answers `GET` and `HEAD` from a table of pages. It has a thread of its own and uses no tasks, so that it answers
/// also when everything else of the process hangs.
///
/// Each connection is for one request, and for ``HTTPServer/connectionLimit`` at most: one more, and the oldest has to
/// go, so that a probe is answered while somebody else keeps connections open.
package final class HTTPServer: Sendable {
    /// How many connections may be open.
    static let connectionLimit = 64
    /// How long a request may take to come in, and then its answer to be taken.
    static let timeout = TimeAmount.seconds(5)
    /// The most bytes of a request, its line and headers included.
    static let requestLimit = 8 << 10

    /// The address that it listens on; with the port that was chosen, if it was to be any.
    package let address: String
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup

    private init(_ channel: any Channel, _ group: MultiThreadedEventLoopGroup, host: String) {
        self.channel = channel
        self.group = group
        let port = channel.localAddress?.port ?? 0
        address = ListenAddress(host: host, port: port).description
    }

    /// - Throws: ``ListenError``.
    package static func start(on address: ListenAddress, routes: HTTPRoutes) async throws(ListenError) -> HTTPServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connections = Connections(limit: connectionLimit)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(connectionLimit))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                connections.opened(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        HTTPRequestLimit(requestLimit), HTTPResponseEncoder(),
                        ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)),
                        HTTPConnection(routes, timeout: timeout),
                    ])
                }
            }
        do {
            let channel = try await bootstrap.bind(host: address.host, port: address.port).get()
            return HTTPServer(channel, group, host: address.host)
        } catch {
            try? await group.shutdownGracefully()
            throw ListenError(address, error)
        }
    }

    package func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

/// The open connections, oldest first.
private final class Connections: Sendable {
    private let limit: Int
    private let open = Mutex<[any Channel]>([])

    init(limit: Int) { self.limit = limit }

    func opened(_ channel: any Channel) {
        let oldest = open.withLock { open in
            open.append(channel)
            return open.count > limit ? open.removeFirst() : nil
        }
        oldest?.close(promise: nil)
        channel.closeFuture.whenComplete { _ in
            self.open.withLock { open in open.removeAll { $0 === channel } }
        }
    }
}
