/// A flaw that the simulated system can be given. Each takes away one thing on which the promises rest, so the
/// simulator must find that a promise is broken; one that stays unnoticed means that the simulator looks away.
///
/// None needs a change of the elector: four are flaws of the scripts, the others of whoever drives the elector.
public enum Mutation: String, CaseIterable, Sendable {
    /// Redis accepts every batch, whatever the fence says.
    case fenceOff = "fence-off"
    /// The driver shows the elector a clock on which every answer comes the instant the request was sent, so that the
    /// deadline is counted from the answer.
    case deadlineFromReply = "deadline-from-reply"
    /// Resigning deletes the lease, whoever holds it.
    case resignWithoutCompare = "resign-without-compare"
    /// A new epoch is the highest that Redis knows, plus one: neither the clock nor the candidate's floor takes part.
    case epochByIncrement = "epoch-by-increment"
    /// Renewing prolongs the lease, whoever holds it.
    case renewalWithoutCompare = "renewal-without-compare"
    /// The driver reports the end of a term's work as soon as the term ends.
    case candidacyDuringWork = "candidacy-during-work"
    /// The work of a term goes on although a target has seen a higher epoch.
    case outrankedLeaderStays = "outranked-leader-stays"
    /// The driver's timers fire a quarter of a second late.
    case lateTimers = "late-timers"

    /// The promise that rests on what the mutation takes away. Others may be broken too.
    public var breaks: Violation.Rule {
        switch self {
        case .fenceOff: .noStaleWrite
        case .deadlineFromReply, .resignWithoutCompare, .renewalWithoutCompare: .leaseOutlivesBelief
        case .epochByIncrement: .epochsGrow
        case .candidacyDuringWork: .oneWorkAtATime
        case .outrankedLeaderStays: .healthySystemElects
        case .lateTimers: .endsAtDeadline
        }
    }
}
