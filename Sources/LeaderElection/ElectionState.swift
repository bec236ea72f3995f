/// What a replica is at the moment. Each state says what it means and where it may go.
public enum ElectionState: String, Hashable, Sendable, CaseIterable {
    /// Stands by until its next candidacy is due: when the lease that it saw runs out, when it is woken, or after a
    /// back-off.
    ///
    /// Goes to ``candidate`` when that is due *and* the work of its last term has ended, and to ``stopped`` at
    /// shutdown.
    case follower
    /// Asked for the lease; the answer is on its way.
    ///
    /// Goes to ``leader`` if granted in time, to ``follower`` if taken, failed or late, and at shutdown to
    /// ``resigning``, for an answer that grants the lease must be followed by giving it up.
    case candidate
    /// Holds the lease and works.
    ///
    /// Goes to ``follower`` when the deadline passes or the lease turns out to be gone or another's, and to
    /// ``resigning`` at shutdown, to hand over, or when the work returns by itself.
    case leader
    /// Does not lead any more and is giving its lease back.
    ///
    /// Goes to ``stopped`` after a shutdown, else to ``follower``.
    case resigning
    /// Has nothing more to do; goes nowhere.
    case stopped
}

/// What is to be done, in this order, after an event. Nothing of it may be left out.
public enum ElectionAction: Hashable, Sendable {
    /// Ask for the lease for a term of this token and with an epoch above `floor`, then call
    /// ``Elector/acquireAnswered(_:at:)`` exactly once. If the lease is that of the term `suspect` and nobody has
    /// listened to its leader's channel for a while, it is taken over though it has not run out.
    case acquire(Token, floor: Epoch, suspect: Token?)
    /// Prolong this lease if it still stands, then call ``Elector/renewAnswered(_:token:at:)`` exactly once.
    case renew(Lease)
    /// Delete this lease if it still stands, and wake the followers. Call ``Elector/resignAnswered(_:token:at:)``
    /// exactly once.
    case resign(Lease, EndReason)
    /// Begin the term's work; call ``Elector/workEnded(token:at:)`` when it has ended, for whatever reason.
    case startLeading(Term)
    /// The running term now ends at this deadline unless prolonged again.
    case termExtended(until: Moment)
    /// Cancel the term's work. The term is over *now*; the work may take its time to end.
    case stopLeading(Term, EndReason)
    /// Call ``Elector/timerFired(at:)`` at that moment. There is one timer: this replaces an earlier moment.
    case waitUntil(Moment)
    /// Nothing will ever be asked again.
    case stopped
}

/// What came of asking for the lease.
public enum AcquireAnswer: Hashable, Sendable {
    /// It is ours, with the TTL beginning not before the request was sent.
    case acquired(Lease)
    /// It is another term's, and runs out after `remaining` unless renewed.
    case taken(Lease, remaining: Duration)
    /// It is the suspect's, whose leader may be gone: ask again after `grace`.
    case suspected(Lease, grace: Duration)
    /// There is no lease, but an operator requests that another replica takes it, which has this long for it.
    case reserved(remaining: Duration)
    /// No answer, or none that can be used. Whether the request was carried out is unknown.
    case failed
}

/// What came of renewing the lease.
public enum RenewAnswer: Hashable, Sendable {
    /// Still ours, with the TTL beginning not before the request was sent.
    case renewed
    /// There is no lease.
    case gone
    /// It is another term's, and runs out after `remaining` unless renewed.
    case taken(Lease, remaining: Duration)
    /// No answer, or none that can be used. Whether the lease was renewed is unknown.
    case failed
}

/// What came of giving the lease up.
public enum ResignAnswer: Hashable, Sendable {
    /// The lease is not ours any more, and may not have been before.
    case done
    /// No answer, or none that can be used. Whether the lease was deleted is unknown.
    case failed
}
