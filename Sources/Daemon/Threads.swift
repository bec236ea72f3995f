internal import ElectionRuntime
internal import Logging
internal import NIOCore
internal import NIOPosix

/// The threads of a replica, for all its groups: a loop for leases, which nothing else keeps busy, one for cached keys,
/// and the watchdog over both and over the task pool.
struct Threads: Sendable {
    let leaseLoop: any EventLoop
    let dataLoop: any EventLoop
    let watchdog: Watchdog
    private let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    init(_ logger: Logger) {
        leaseLoop = loops.next()
        dataLoop = loops.next()
        watchdog = Watchdog(
            [.eventLoop("leaseLoop", leaseLoop), .eventLoop("dataLoop", dataLoop), .taskPool], logger: logger)
        watchdog.start()
    }

    func stop() async {
        await watchdog.stop()
        try? await loops.shutdownGracefully()
    }
}
