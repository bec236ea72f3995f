import Dispatch
import Glibc
import NIOCore
import NIOPosix
import TestSupport

@testable import BatonConfiguration
@testable import ElectionRuntime
@testable import StatusServer

/// A process in which no task runs any more and an event loop hangs, seen by a thread that does not need them. Only for
/// a process of its own, which it ends.
final class Starvation: Sendable {
    let term: LeadershipTerm
    let address: String
    private let gate = DispatchSemaphore(value: 0)
    /// More than any machine here has threads for tasks.
    private static let eaters = 512

    private init(term: LeadershipTerm, address: String) {
        self.term = term
        self.address = address
    }

    /// Runs `judge` in the middle of it, and exits: 0 if it is content.
    static func suffer(isWatched: Bool, _ judge: @escaping @Sendable (Starvation) -> Void) async throws {
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let watchdog = Watchdog(
            [.eventLoop("leaseLoop", loop), .taskPool], patience: .milliseconds(500),
            logger: ElectionBench.logger("watchdog"))
        let health = Health([])
        health.watch(by: watchdog)
        let server = try await HTTPServer.start(on: ListenAddress(host: "127.0.0.1", port: 0), routes: health.routes)
        let term = WatchdogTests.term(until: .now + .seconds(1))
        if isWatched {
            watchdog.start()
            watchdog.watch(term)
        }
        let starvation = Starvation(term: term, address: server.address)
        loop.execute { starvation.gate.wait() }
        for _ in 0..<eaters { Task(priority: .medium) { starvation.eat() } }
        DispatchQueue(label: "judge").async {
            starvation.wait("no task runs") { starvation.isStarved }
            judge(starvation)
            exit(EXIT_SUCCESS)
        }
        starvation.eat()
    }

    /// Lets everything go on.
    func relieve() { for _ in 0..<Self.eaters + 2 { gate.signal() } }

    private func eat() { gate.wait() }

    /// Whether a task has to wait.
    private var isStarved: Bool {
        let hasRun = DispatchSemaphore(value: 0)
        Task(priority: .medium) { hasRun.signal() }
        return hasRun.wait(timeout: .now() + .milliseconds(200)) == .timedOut
    }

    // MARK: For the judge

    func require(_ what: String, _ isTrue: Bool) {
        guard !isTrue else { return }
        print("not so: \(what)")
        exit(EXIT_FAILURE)
    }

    func wait(_ what: String, _ condition: () -> Bool) {
        let end = ContinuousClock.now + .seconds(40)
        while !condition() {
            require(what, ContinuousClock.now < end)
            usleep(5000)
        }
    }
}
