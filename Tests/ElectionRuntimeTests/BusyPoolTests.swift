import Dispatch
import Glibc
import LeaderElection
import NIOCore
import TestSupport
import Testing

@testable import ElectionRuntime

@Suite("A follower whose tasks don't get to run")
struct BusyPoolTests {
    private static let timing = ElectionBench.timing(
        ttl: .seconds(2), renewEvery: .milliseconds(200), renewTimeout: .milliseconds(700))
    /// More than any machine here has threads for tasks.
    private static let eaters = 512

    @Test("looks for its leader all the same: that happens on the event loop alone")
    func looks() async {
        await #expect(processExitsWith: .success) {
            let bench = try await ElectionBench.onSharedRedis(timing: Self.timing)
            let eventLoop = bench.eventLoop
            let store = try bench.store(eventLoop: eventLoop)
            _ = try await store.isHeard(.random())  // so that it is connected
            let (gate, silence) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            DispatchQueue(label: "judge").async {
                while Self.runsTask() { usleep(5000) }
                eventLoop.execute {
                    LeaderWatch(store: store, eventLoop: eventLoop).watch(.random()) { silence.signal() }
                }
                let isTold = silence.wait(timeout: .now() + 20) == .success
                exit(isTold && !Self.runsTask() ? EXIT_SUCCESS : EXIT_FAILURE)
            }
            for _ in 0..<Self.eaters { Task { gate.wait() } }
            gate.wait()
        }
    }

    private static func runsTask() -> Bool {
        let hasRun = DispatchSemaphore(value: 0)
        Task { hasRun.signal() }
        return hasRun.wait(timeout: .now() + .milliseconds(200)) == .success
    }
}
