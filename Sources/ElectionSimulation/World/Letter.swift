import LeaderElection

/// A request on its way, and its answer on the way back.
struct Letter: Sendable {
    let replica: Int
    /// The process that asks; the answer is for no other.
    let incarnation: Int
    let request: RedisRequest
    let server: Int
    /// When it was decided to send it, by the replica's clock; it may be sent long after.
    let askedAt: Microseconds
    /// When it was written, in true time.
    let writtenAt: Microseconds
    /// The period of its chain in which a batch was sent.
    var chainNumber = 0
    var answer: RedisAnswer?
    /// It was answered, or waited for too long.
    var isSettled = false

    var isAboutLease: Bool {
        switch request {
        case .acquire, .renew, .resign: true
        case .sync, .raise, .write: false
        }
    }
}
