public import LeaderElection

/// One schedule: replicas, Redis servers and the network between them, with everything that is left to chance, or goes
/// wrong, decided by a seed. The same seed gives the same schedule, on every machine.
///
/// Faults happen for a while, then they end, and the system has to recover. The referee watches throughout, and the
/// schedule ends with the first promise that is broken. The electors are the real ones; what drives them is written
/// after the daemon's driver, and Redis is ``RedisModel``.
public struct Simulation: Sendable {
    /// An event to come. Numbers of replicas, servers and letters are indices.
    enum Event: Sendable {
        case timer(replica: Int, number: Int)
        case leave(letter: Int)
        case arrive(letter: Int)
        case answer(letter: Int)
        case timeout(letter: Int)
        case work(replica: Int, serial: Int)
        case workStopsSending(replica: Int, serial: Int)
        case workEnds(replica: Int, serial: Int)
        case workIsReported(replica: Int, serial: Int)
        case wake(replica: Int, incarnation: Int)
        case suspicion(replica: Int, incarnation: Int)
        case exit(replica: Int, incarnation: Int)
        case boot(replica: Int)
        case reconnect(replica: Int, isLease: Bool)
        case leaseRunsOut(server: Int)
        case serverStarts(server: Int)
        case serverFollows(server: Int)
        case fault
        case faultsEnd
        case electionOverdue
        case finish
    }

    /// How late a process that runs may notice what its clock shows.
    static let schedulingLatency: Microseconds = .milliseconds(20)
    /// How long after the faults what was sent during them may still come.
    static let deliveryOfOldLetters: Microseconds = .milliseconds(500)
    /// Where the target without the lease stands among the servers; before it are the two that have the lease in turn.
    static let otherServer = 2

    let seed: UInt64
    let mutation: Mutation?
    let timing: ElectionTiming
    let plan: FaultPlan

    var chance: Chance
    var agenda = Agenda()
    var now: Microseconds = 0
    var replicas: [Replica] = []
    var servers: [Server] = []
    /// Which of the servers has the lease in the surviving history.
    var home = 0
    /// The terms to whose leader's channel nobody listens, and until when.
    var silences: [Token: Microseconds] = [:]
    var letters: [Letter] = []
    var serial = 0
    var isHealthy = false
    var isFinished = false
    var referee = Referee()
    var trace: Trace
    var tally = Tally()

    public init(seed: UInt64, mutation: Mutation? = nil, timing: ElectionTiming = .standard, isTraced: Bool = false) {
        self.seed = seed
        self.mutation = mutation
        self.timing = timing
        trace = Trace(isOn: isTraced)
        chance = Chance(seed: seed)
        plan = FaultPlan(using: &chance)
        setUp()
    }

    /// Plays the schedule to its end.
    public mutating func run() -> Outcome {
        while !isFinished, referee.violation == nil, let (time, event) = agenda.next() {
            now = time
            handle(event)
        }
        tally.schedules = 1
        if let violation = referee.violation { trace.note(now, "referee", "\(violation)") }
        return Outcome(seed: seed, violation: referee.violation, tally: tally, trace: trace.lines)
    }

    private mutating func setUp() {
        let shared: Microseconds = 1_790_000_000_000_000
        for name in ["home-1", "home-2", "other"] {
            let clock =
                plan.wallClocksAgree
                ? VirtualClock(drift: 0, offset: shared)
                : VirtualClock(drift: anyDrift(), offset: shared + chance.number(in: -5_000_000...5_000_000))
            servers.append(
                Server(name: name, clock: clock, role: name == "home-2" ? .following : .writable, mutation: mutation))
        }
        for index in 0..<plan.replicas {
            let name = "pod-\(index + 1)"
            replicas.append(
                Replica(
                    name: name,
                    caller: Caller(holder: name, deployment: "sim", ttlMilliseconds: timing.ttlMilliseconds),
                    clock: VirtualClock(drift: anyDrift(), offset: chance.number(in: 0...1_000_000_000))))
            agenda.add(.boot(replica: index), at: chance.number(in: 0...200_000))
        }
        trace.note(0, "plan", "\(plan.replicas) replicas, faults until \(Trace.seconds(plan.end)): \(plan.summary)")
        if !plan.faults.isEmpty { agenda.add(.fault, at: plan.interval) }
        agenda.add(.faultsEnd, at: plan.end)
    }

    private mutating func anyDrift() -> Int64 {
        chance.number(in: -FaultPlan.greatestDrift...FaultPlan.greatestDrift)
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .timer(let replica, let number): timerFires(replica, number)
        case .leave(let letter): leave(letter)
        case .arrive(let letter): arrive(letter)
        case .answer(let letter): answer(letter)
        case .timeout(let letter): timeOut(letter)
        case .work(let replica, let serial): proceedWithWork(replica, serial)
        case .workStopsSending(let replica, let serial): stopSending(replica, serial)
        case .workEnds(let replica, let serial): endWork(replica, serial)
        case .workIsReported(let replica, let serial): reportWorkEarly(replica, serial)
        case .wake(let replica, let incarnation): wake(replica, incarnation)
        case .suspicion(let replica, let incarnation): suspectLeader(replica, incarnation)
        case .exit(let replica, let incarnation): exit(replica, incarnation)
        case .boot(let replica): boot(replica)
        case .reconnect(let replica, let isLease): reconnect(replica, isLease: isLease)
        case .leaseRunsOut(let server): runOut(server)
        case .serverStarts(let server): start(server)
        case .serverFollows(let server): follow(server)
        case .fault: nextFault()
        case .faultsEnd: endFaults()
        case .electionOverdue: noLeaderInTime()
        case .finish: isFinished = true
        }
    }

    // MARK: Small things

    func reading(_ replica: Int) -> Microseconds { replicas[replica].clock.reading(at: now) }

    mutating func newSerial() -> Int {
        serial += 1
        return serial
    }

    /// Up to this much later, but while there are faults not later than they end.
    mutating func within(_ most: Microseconds) -> Microseconds {
        let time = now + chance.number(in: 0...most)
        return isHealthy ? time : max(now, min(time, plan.end))
    }

    /// Puts an event of a process off until it runs again; in which order, is left to chance.
    mutating func isPaused(_ replica: Int, _ event: Event) -> Bool {
        guard replicas[replica].pausedUntil > now else { return false }
        agenda.add(event, at: replicas[replica].pausedUntil + chance.number(in: 0...2000))
        return true
    }

    mutating func note(_ replica: Int, _ what: @autoclosure () -> String) {
        trace.note(now, replicas[replica].name, what())
    }

    mutating func noteServer(_ server: Int, _ what: @autoclosure () -> String) {
        trace.note(now, servers[server].name, what())
    }
}
