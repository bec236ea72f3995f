import GroupState
import LeaderElection
import Synchronization
import Testing

@testable import ElectionRuntime

/// What the work and the election tell each other through a term.
@Suite(.timeLimit(.minutes(1))) struct TermTests {
    private static let lease = Lease(
        text: "", epoch: Epoch(7)!, token: Token("mine")!, holder: "", sinceMilliseconds: 0)

    @Test(arguments: [false, true])
    func onlyARenewalThatIsAskedForLaterConfirms(isLater: Bool) async {
        let (asked, ask) = AsyncStream.makeStream(of: Void.self)
        let term = LeadershipTerm(lease: Self.lease, deadline: .now + .seconds(600)) { _ in ask.yield() }
        let before = ContinuousClock.now
        let confirmation = Task { await term.confirmed() }
        for await _ in asked { break }
        term.renewed(LeadershipTerm.Renewal(askedAt: isLater ? .now : before, fence: nil))
        term.end(.shutdown)
        #expect(await confirmation.value == isLater)
        #expect(await term.confirmed() == false)
    }

    @Test func renewalsAreToldUntilTheTermEnds() {
        let told = Mutex<[LeadershipTerm.Renewal]>([])
        let term = LeadershipTerm(lease: Self.lease, deadline: .now + .seconds(600))
        let renewals = (0..<3).map { _ in LeadershipTerm.Renewal(askedAt: .now, fence: nil) }
        term.renewed(renewals[0])
        term.onRenewal { renewal in told.withLock { $0.append(renewal) } }
        term.renewed(renewals[1])
        term.end(.leaseGone)
        term.renewed(renewals[2])
        #expect(told.withLock { $0 } == [renewals[1]])
    }

    @Test func noPassBeginsInAPause() async {
        let term = LeadershipTerm(lease: Self.lease, deadline: .now + .seconds(600))
        #expect(await term.beginPass())
        term.pause(until: .now + .seconds(600))
        #expect(term.pauseState() == .pausing)
        term.passEnded()
        #expect(term.pauseState() == .paused)
        let pass = Task { await term.beginPass() }
        term.pause(until: nil)
        #expect(await pass.value)
        term.pause(until: .now + .seconds(600))
        let last = Task { await term.beginPass() }
        term.end(.shutdown)
        #expect(await last.value == false)
    }
}
