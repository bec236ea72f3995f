/// The requests of operators to a leader, as a renewal tells them.
package struct LeaderRequests: Hashable, Sendable {
    /// The request to give the lease to another.
    package struct StepDown: Hashable, Sendable {
        /// Who requests it, and why; for people.
        package let by: String
        package let reason: String
        /// The replica that is to lead next; empty for any.
        package let successor: String
    }

    /// How long it is to write nothing from now on.
    package var pause: Duration = .zero
    package var stepDown: StepDown?

    package init() {}
}

extension LeaderRequests {
    /// Four fields of a script's answer: ms to pause, who requests a step-down, for whom, why.
    package init(_ answer: ScriptAnswer, from start: Int) throws(LeaseError) {
        pause = try answer.milliseconds(start)
        let by = try answer.field(start + 1)
        guard !by.isEmpty else { return }
        stepDown = StepDown(by: by, reason: try answer.field(start + 3), successor: try answer.field(start + 2))
    }
}
