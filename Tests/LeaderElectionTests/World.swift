import LeaderElection

/// A lease store and three replicas in one place, with everything between them left to a seeded chance.
struct World {
    struct Replica {
        var elector: Elector<Seeded>
        var timer: Moment?
        /// What it leads, as the driver would know it from the actions.
        var leading: Term?
        /// The terms whose work has not ended.
        var working: [Token] = []
        var isStopped = false
        var lastRequest = Moment(sinceOrigin: .zero)
        /// Until then its process stands still.
        var pausedUntil = Moment(sinceOrigin: .zero)
    }

    enum Request {
        case acquire(Token, Epoch, suspect: Token?)
        case renew(Lease)
        case resign(Lease)
    }
    enum Answer {
        case acquire(AcquireAnswer)
        case renew(RenewAnswer, Token)
        case resign(ResignAnswer, Token)
    }

    var complaints: [String] = []
    var elections = 0
    /// Nothing is lost, late or paused any more.
    var isHealthy = false
    var someoneLeads: Bool { replicas.contains { $0.leading != nil } }

    private var replicas: [Replica]
    private var chance: Seeded
    private var now = Moment(sinceOrigin: .zero)
    private var lease: (Lease, until: Moment)?
    private var lastEpoch = Epoch.zero
    private var usedTokens: Set<Token> = []
    /// Requests on their way, each with its sender; and answers on theirs.
    private var requests: [(due: Moment, sender: Int, Request)] = []
    private var answers: [(due: Moment, receiver: Int, Answer)] = []

    init(seed: UInt64) {
        chance = Seeded(seed)
        replicas = (0..<3).map { index in
            Replica(elector: Elector(timing: .standard, randomness: Seeded(seed &* 31 &+ UInt64(index))))
        }
    }

    mutating func run(steps: Int) {
        if now.sinceOrigin == .zero {
            for index in replicas.indices { perform(replicas[index].elector.started(at: now), by: index) }
        }
        for _ in 0..<steps where complaints.isEmpty { step() }
    }

    private mutating func step() {
        now = now + .milliseconds(Int64.random(in: 1...60, using: &chance))
        deliverRequests()
        for index in replicas.indices where replicas[index].pausedUntil <= now { wakeUp(index) }
        if !isHealthy { disturb() }
        for index in replicas.indices { check(index) }
    }

    private mutating func wakeUp(_ index: Int) {
        // What came in while the process stood still is handled in any order: the timer may be first or last.
        let timerFirst = Bool.random(using: &chance)
        if timerFirst { fireTimer(index) }
        let due = answers.filter { $0.receiver == index && $0.due <= now }
        answers.removeAll { $0.receiver == index && $0.due <= now }
        for (_, _, answer) in due {
            switch answer {
            case .acquire(let answer): perform(replicas[index].elector.acquireAnswered(answer, at: now), by: index)
            case .renew(let answer, let token):
                perform(replicas[index].elector.renewAnswered(answer, token: token, at: now), by: index)
            case .resign(let answer, let token):
                perform(replicas[index].elector.resignAnswered(answer, token: token, at: now), by: index)
            }
        }
        if !timerFirst { fireTimer(index) }
        let ended = replicas[index].working.filter { $0 != replicas[index].leading?.token && happens(0.3) }
        for token in ended {
            replicas[index].working.removeAll { $0 == token }
            perform(replicas[index].elector.workEnded(token: token, at: now), by: index)
        }
    }

    private mutating func fireTimer(_ index: Int) {
        guard let timer = replicas[index].timer, timer <= now else { return }
        replicas[index].timer = nil
        perform(replicas[index].elector.timerFired(at: now), by: index)
    }

    private mutating func disturb() {
        let index = Int.random(in: replicas.indices, using: &chance)
        if happens(0.01) { lease = nil }
        if happens(0.005) { (lease, lastEpoch) = (nil, .zero) }
        if happens(0.01) {
            replicas[index].pausedUntil = now + .milliseconds(Int64.random(in: 1...6000, using: &chance))
        }
        if happens(0.02) { perform(replicas[index].elector.woken(at: now), by: index) }
        if happens(0.02), let token = lease?.0.token {
            perform(replicas[index].elector.leaderSilent(token, at: now), by: index)
        }
        if happens(0.01) {
            replicas[index].elector.candidacyDelay = .milliseconds(Int64.random(in: 0...200, using: &chance))
        }
        guard let term = replicas[index].leading, replicas[index].pausedUntil <= now else { return }
        if happens(0.01) { perform(replicas[index].elector.stepDown(token: term.token, at: now), by: index) }
        if happens(0.005) { perform(replicas[index].elector.cannotWork(token: term.token, at: now), by: index) }
        guard replicas[index].leading != nil else { return }
        if happens(0.02) { perform(replicas[index].elector.renewalWanted(token: term.token, at: now), by: index) }
        if happens(0.01) {
            replicas[index].working.removeAll { $0 == term.token }
            perform(replicas[index].elector.workEnded(token: term.token, at: now), by: index)
        }
        if happens(0.004) { restart(index) }
    }

    /// Shuts a replica down and, once it has stopped, lets another process take its place.
    private mutating func restart(_ index: Int) {
        perform(replicas[index].elector.shutdown(at: now), by: index)
    }

    // MARK: What replicas do

    private mutating func perform(_ actions: [ElectionAction], by index: Int) {
        for action in actions {
            switch action {
            case .acquire(let token, let floor, let suspect):
                if !replicas[index].working.isEmpty { complain("asks while its old work goes on", index) }
                send(.acquire(token, floor, suspect: suspect), by: index)
            case .renew(let lease):
                if replicas[index].leading?.lease != lease { complain("renews what it does not lead", index) }
                send(.renew(lease), by: index)
            case .resign(let lease, _):
                if replicas[index].leading?.token == lease.token { complain("resigns while it leads", index) }
                send(.resign(lease), by: index)
            case .startLeading(let term):
                if replicas[index].leading != nil { complain("leads two terms", index) }
                if !usedTokens.insert(term.token).inserted { complain("uses a token again", index) }
                if term.deadline <= now { complain("begins a term that is over", index) }
                replicas[index].leading = term
                replicas[index].working.append(term.token)
                elections += 1
            case .termExtended(let deadline):
                guard let term = replicas[index].leading else { return complain("extends nothing", index) }
                if deadline < term.deadline { complain("shortens a term", index) }
                replicas[index].leading = Term(lease: term.lease, deadline: deadline)
            case .stopLeading(let term, _):
                if replicas[index].leading?.token != term.token { complain("stops what it does not lead", index) }
                replicas[index].leading = nil
            case .waitUntil(let moment):
                replicas[index].timer = moment
            case .stopped:
                if replicas[index].leading != nil { complain("leads though stopped", index) }
                let seed = chance.next()
                replicas[index] = Replica(elector: Elector(timing: .standard, randomness: Seeded(seed)))
                requests.removeAll { $0.sender == index }
                answers.removeAll { $0.receiver == index }
                perform(replicas[index].elector.started(at: now), by: index)
                return
            }
        }
    }

    private mutating func send(_ request: Request, by index: Int) {
        replicas[index].lastRequest = now
        if !isHealthy && happens(0.1) { return answer(request, to: index, with: nil) }  // lost on its way
        let delay = Int64.random(in: 0...(isHealthy ? 5 : 500), using: &chance)
        requests.append((now + .milliseconds(delay), index, request))
    }

    private mutating func check(_ index: Int) {
        let replica = replicas[index]
        guard replica.pausedUntil <= now else { return }
        if let term = replica.leading, term.deadline <= now { complain("leads past its deadline", index) }
        if replica.leading?.token != replica.elector.term?.token { complain("is in another term than it said", index) }
        let isBusy = requests.contains { $0.sender == index } || answers.contains { $0.receiver == index }
        if replica.timer == nil && !isBusy && replica.working.isEmpty { complain("waits for nothing", index) }
        if let timer = replica.timer, timer - now > .seconds(4) { complain("sleeps too long", index) }
    }

    private mutating func complain(_ what: String, _ index: Int) {
        complaints.append("replica \(index) \(what) at \(now)")
    }

    // MARK: What the store does

    private mutating func deliverRequests() {
        let due = requests.filter { $0.due <= now }.sorted { $0.due < $1.due }
        requests.removeAll { $0.due <= now }
        if let (_, until) = lease, until <= now { lease = nil }
        for (_, sender, request) in due { answer(request, to: sender, with: carryOut(request)) }
    }

    /// `nil`: no answer, which its sender finds out after the timeout.
    private mutating func answer(_ request: Request, to receiver: Int, with outcome: Answer?) {
        let isLost = !isHealthy && happens(0.1)
        let failure: Answer =
            switch request {
            case .acquire: .acquire(.failed)
            case .renew(let lease): .renew(.failed, lease.token)
            case .resign(let lease): .resign(.failed, lease.token)
            }
        let delay = outcome == nil || isLost ? 600 : Int64.random(in: 0...(isHealthy ? 5 : 100), using: &chance)
        answers.append((now + .milliseconds(delay), receiver, isLost ? failure : outcome ?? failure))
    }

    private mutating func carryOut(_ request: Request) -> Answer {
        let until = now + ElectionTiming.standard.ttl
        switch request {
        case .acquire(let token, let floor, let suspect):
            if let (taken, end) = lease, taken.token != token {
                // Whether the leader is really gone is left to chance: nothing may rest on it.
                guard taken.token == suspect, happens(0.5) else {
                    return .acquire(.taken(taken, remaining: end - now))
                }
                if happens(0.5) { return .acquire(.suspected(taken, grace: .milliseconds(30))) }
                lease = nil
            }
            if lease == nil, !isHealthy, happens(0.05) { return .acquire(.reserved(remaining: .seconds(1))) }
            if lease == nil { lease = (newLease(token, above: floor), until) }
            lease?.until = until
            return .acquire(lease.map { .acquired($0.0) } ?? .failed)
        case .renew(let mine):
            guard let (current, end) = lease else { return .renew(.gone, mine.token) }
            guard current == mine else { return .renew(.taken(current, remaining: end - now), mine.token) }
            lease?.until = until
            return .renew(.renewed, mine.token)
        case .resign(let mine):
            if lease?.0 == mine { lease = nil }
            return .resign(.done, mine.token)
        }
    }

    private mutating func newLease(_ token: Token, above floor: Epoch) -> Lease {
        lastEpoch = Epoch(max(lastEpoch.number, floor.number) + 1) ?? .max
        return Lease(
            text: "\(lastEpoch) \(token)", epoch: lastEpoch, token: token, holder: "", sinceMilliseconds: 0)
    }

    private mutating func happens(_ share: Double) -> Bool {
        Double.random(in: 0..<1, using: &chance) < share
    }
}
