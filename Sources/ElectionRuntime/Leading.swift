internal import LeaderElection

/// The term that this replica leads, with its work, which may end later than the term.
final class Leading {
    private let work: any TermWork
    private let termBegan: @Sendable (LeadershipTerm) -> Void
    private var led: (term: LeadershipTerm, work: Task<Void, Never>)?
    private var isFenceMissing = false

    init(work: any TermWork, termBegan: @escaping @Sendable (LeadershipTerm) -> Void) {
        self.work = work
        self.termBegan = termBegan
    }

    /// The term that is led, or that is over while its work is still ending; nil while nothing works.
    var current: LeadershipTerm? { led?.term }

    /// The same, if it is the term of this token.
    func term(of token: Token) -> LeadershipTerm? { current.flatMap { $0.token == token ? $0 : nil } }

    /// Starts the work.
    ///
    /// - Parameter ended: called when it has ended, unless it was left behind.
    func begin(_ term: LeadershipTerm, ended: @escaping @Sendable () async -> Void) {
        // The work runs elsewhere than its caller: it must not keep the event loop busy, nor may an event loop that
        // hangs hold the watchdog up.
        let task = Task { @concurrent [work] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await work.lead(term) }
                group.addTask { await term.untilOver() }
                await group.next()
                group.cancelAll()
            }
            if !term.report.isAbandoned { await ended() }
        }
        led = (term, task)
        isFenceMissing = false
        termBegan(term)
    }

    /// Ends the term, and cancels its work.
    func end(_ reason: EndReason) {
        led?.term.end(reason)
        led?.work.cancel()
    }

    /// A renewal has looked for the fence.
    ///
    /// - Returns: whether it is missing since this renewal.
    func fence(isMissing: Bool) -> Bool {
        defer { isFenceMissing = isMissing }
        return isMissing && !isFenceMissing
    }

    /// The work of this term has ended.
    func workEnded(_ token: Token) {
        if current?.token == token { led = nil }
    }

    /// Leaves the work behind.
    ///
    /// - Returns: the term; nil if nothing works.
    func abandon() -> LeadershipTerm? {
        defer { led = nil }
        current?.report.abandon()
        return current
    }
}
