/// What operators wish of a leader, as a renewal tells it.
struct LeaderWishes: Hashable, Sendable {
    /// That it gives the lease to another.
    struct StepDown: Hashable, Sendable {
        /// Who wishes it, and why; for people.
        let by: String
        let reason: String
        /// The replica that is to lead next; empty for any.
        let successor: String
    }

    /// How long it is to write nothing from now on.
    var pause: Duration = .zero
    var stepDown: StepDown?
}

extension LeaderWishes {
    /// Four fields of a script's answer: ms to pause, who wishes a step-down, for whom, why.
    init(_ answer: ScriptAnswer, from start: Int) throws(LeaseError) {
        pause = try answer.milliseconds(start)
        let by = try answer.field(start + 1)
        guard !by.isEmpty else { return }
        stepDown = StepDown(by: by, reason: try answer.field(start + 3), successor: try answer.field(start + 2))
    }
}
