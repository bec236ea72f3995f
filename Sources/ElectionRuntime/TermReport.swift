internal import LeaderElection
internal import Synchronization

/// The reports of one term's work to the election, for as long as somebody wants to hear them.
final class TermReport: Sendable {
    enum News: Sendable {
        /// A target refused a write, so the lease is to be asked about.
        case writeRefused
        case stoppedSending
        case observed(Epoch)
        /// See ``TermReport/obstacle``.
        case obstacleChanged
    }

    private struct State {
        var obstacle: Obstacle?
        var isAbandoned = false
    }

    private let state = Mutex(State())
    private let tell: @Sendable (News) -> Void

    init(_ tell: @escaping @Sendable (News) -> Void) { self.tell = tell }

    func say(_ news: News) {
        if !isAbandoned { tell(news) }
    }

    /// The obstacle that keeps the work from getting anywhere; nil if there is none.
    var obstacle: Obstacle? { state.withLock { $0.obstacle } }

    /// Notes the obstacle, and says so if it is another one.
    func obstructed(by obstacle: Obstacle?) {
        let isNews = state.withLock { state in
            defer { state.obstacle = obstacle }
            return state.obstacle?.missing != obstacle?.missing
        }
        if isNews { say(.obstacleChanged) }
    }

    /// Whether nobody waits for the work any more, or wants to hear of it: the election itself may be gone.
    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    func abandon() { state.withLock { $0.isAbandoned = true } }
}
