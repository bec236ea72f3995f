/// What an ``Elector`` knows in each of its states; ``ElectionState`` says what they mean and where they may go.
enum ElectionPhase: Sendable {
    /// When it asks for the lease next; nil before the start.
    case follower(Standby?)
    case candidate(sentAt: Moment, woken: Bool)
    case leader(Term, Renewal)
    case resigning(Resignation)
    case stopped

    /// The time until the next candidacy.
    struct Standby: Sendable {
        var due: Moment
        /// One that gave a lease back leaves it to others for a while, whatever it is told.
        var endsOnNews = true
        /// The term whose leader seems to be gone: the store is asked to make sure.
        var suspect: Token?
    }

    enum Renewal: Sendable {
        case due(Moment)
        /// `again`: something came up after it was sent that only a newer answer can tell.
        case asked(sentAt: Moment, again: Bool)
    }

    enum Resignation: Sendable {
        /// Shutting down, with the answer to an acquire on its way.
        case awaitingAcquire
        /// The next request to resign is due, at the latest when the work has had its time to stop sending.
        case due(Moment, Term, EndReason, Next)
        case asked(Term, EndReason, Next)
    }

    /// Where a resignation leads.
    enum Next: Sendable { case stopped, follower }

    var state: ElectionState {
        switch self {
        case .follower: .follower
        case .candidate: .candidate
        case .leader: .leader
        case .resigning: .resigning
        case .stopped: .stopped
        }
    }

    /// The token of the lease that is held, or was until it began to be given back.
    var heldToken: Token? {
        switch self {
        case .leader(let term, _), .resigning(.due(_, let term, _, _)), .resigning(.asked(let term, _, _)): term.token
        case .follower, .candidate, .resigning(.awaitingAcquire), .stopped: nil
        }
    }
}
