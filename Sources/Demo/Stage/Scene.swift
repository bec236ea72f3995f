internal import Drills
internal import Formatting

/// All that the demo shows, as it follows from the events so far. It knows no clock: times are passed in, counted from
/// the start of the demo.
struct Scene: Sendable {
    struct ReplicaView: Hashable, Sendable {
        let name: String
        var pid: Int32?
        var isStopped = false
        /// The memory in bytes.
        var memory = 0
        /// When another process takes the place of one that ended; nil while it runs.
        var restartsAt: Duration?
        var ending: String?
    }

    struct DatasetView: Hashable, Sendable {
        let name: String
        let isEnabled: Bool
        var lastPass: PassReport?
        var passedAt = Duration.zero
        var failure: String?
    }

    struct Leadership: Hashable, Sendable {
        var lease: LeaseView
        var since: Duration
    }

    struct Note: Hashable, Sendable {
        enum Kind: Hashable, Sendable { case plain, good, bad }
        let time: Duration
        let subject: String
        let text: String
        let kind: Kind
    }

    /// Where the servers are, to be shown.
    let place: Place
    private(set) var replicas: [ReplicaView]
    private(set) var datasets: [DatasetView]
    private(set) var leadership: Leadership?
    private var terms = 0
    private(set) var changes = 0
    private(set) var lastChange: (text: String, time: Duration)?
    private(set) var lastFresh: (text: String, after: Duration, time: Duration)?
    /// How long the last changes that were followed took to arrive.
    private(set) var freshness: [Duration] = []
    /// The newest last.
    private(set) var notes: [Note] = []

    private static let notesKept = 100
    private static let freshnessKept = 100

    init(place: Place, replicas: [String], datasets: [(name: String, isEnabled: Bool)]) {
        self.place = place
        self.replicas = replicas.map { ReplicaView(name: $0) }
        self.datasets = datasets.map { DatasetView(name: $0.name, isEnabled: $0.isEnabled) }
    }

    // MARK: Events

    /// Takes note of an event.
    ///
    /// - Parameter now: the time since the start of the demo.
    /// - Returns: what is worth a line of its own in a plain list; nil for what is not.
    mutating func apply(_ event: DemoEvent, at now: Duration) -> Note? {
        switch event {
        case .tick: return nil
        case .trouble(let text): return note(now, "demo", text, .bad)
        case .replicaStarted(let name, let pid):
            update(name) { $0 = ReplicaView(name: name, pid: pid) }
            return note(now, name, "started, pid \(pid)", .plain)
        case .replicaEnded(let name, let ending, let restart):
            update(name) { replica in
                replica = ReplicaView(name: name, restartsAt: restart.map { now + $0 }, ending: ending)
            }
            let next = restart.map { ", starts again in \(Words.brief($0))" } ?? ""
            return note(now, name, "ended: \(ending)\(next)", .bad)
        case .replicaSeen(let name, let isStopped, let memory):
            var changed = false
            update(name) { replica in
                changed = replica.isStopped != isStopped
                replica.isStopped = isStopped
                replica.memory = memory
            }
            guard changed else { return nil }
            return note(now, name, isStopped ? "is stopped (SIGSTOP)" : "goes on (SIGCONT)", .bad)
        case .leaseSeen(let lease): return leaseSeen(lease, at: now)
        case .logged(let replica, let line): return logged(line, by: replica, at: now)
        case .changed(let text):
            changes += 1
            lastChange = (text, now)
            return Note(time: now, subject: "writer", text: text, kind: .plain)
        case .fresh(let text, let delay):
            lastFresh = (text, delay, now)
            freshness = (freshness + [delay]).suffix(Self.freshnessKept)
            return Note(time: now, subject: "cache", text: "\(text): fresh after \(Words.brief(delay))", kind: .good)
        case .overdue(let text, let delay):
            return note(now, "cache", "\(text): not fresh after \(Words.brief(delay))", .bad)
        }
    }

    private mutating func leaseSeen(_ lease: LeaseView?, at now: Duration) -> Note? {
        guard lease != leadership?.lease else { return nil }
        guard let lease else {
            leadership = nil
            return note(now, "lease", "nobody leads", .bad)
        }
        terms += 1
        leadership = Leadership(lease: lease, since: now)
        return note(now, lease.holder, "leads, epoch \(lease.epoch)", .good)
    }

    private mutating func logged(_ line: LogLine, by replica: String, at now: Duration) -> Note? {
        if let pass = PassReport(line) {
            guard let place = datasets.firstIndex(where: { $0.name == pass.dataset }) else { return nil }
            datasets[place].lastPass = pass
            datasets[place].passedAt = now
            datasets[place].failure = nil
            guard pass.changed + pass.written + pass.deleted > 0 else { return nil }
            return Note(time: now, subject: replica, text: pass.words, kind: .plain)
        }
        if line.message == "pass failed",
            let place = datasets.firstIndex(where: { $0.name == line.metadata["dataset"] })
        {
            datasets[place].failure = line.metadata["problem"] ?? line.words
        }
        guard line.level != "debug", line.level != "trace", !Self.knownOtherwise.contains(line.message) else {
            return nil
        }
        return note(now, replica, line.words, line.isWarning ? .bad : .plain)
    }

    /// What the lease and the processes tell already.
    private static let knownOtherwise: Set<String> = ["started", "stopped", "elected", "following"]

    private mutating func note(_ now: Duration, _ subject: String, _ text: String, _ kind: Note.Kind) -> Note {
        let note = Note(time: now, subject: subject, text: KeyText.harmless(text), kind: kind)
        notes = (notes + [note]).suffix(Self.notesKept)
        return note
    }

    private mutating func update(_ name: String, _ body: (inout ReplicaView) -> Void) {
        guard let place = replicas.firstIndex(where: { $0.name == name }) else { return }
        body(&replicas[place])
    }

    // MARK: Questions

    /// How often another replica, or another term, took over.
    var handovers: Int { max(0, terms - 1) }

    var leader: ReplicaView? { replicas.first { $0.name == leadership?.lease.holder } }

    /// The median and the longest of the last changes' ways into the cache.
    var freshnessSummary: (median: Duration, longest: Duration)? {
        guard !freshness.isEmpty else { return nil }
        let sorted = freshness.sorted()
        return (sorted[sorted.count / 2], sorted[sorted.count - 1])
    }

    /// What a replica is doing, in one word or two.
    func state(of replica: ReplicaView, at now: Duration) -> (word: String, kind: Note.Kind) {
        if let ending = replica.ending {
            let wait = replica.restartsAt.map { ", again in \(Words.elapsed(max(.zero, $0 - now)))" } ?? ""
            return ("ended (\(ending))\(wait)", .bad)
        }
        if replica.pid == nil { return ("starting", .plain) }
        let leads = leadership?.lease.holder == replica.name
        if replica.isStopped { return (leads ? "leader, stopped" : "stopped", .bad) }
        return leads ? ("leader", .good) : ("follower", .plain)
    }
}

/// Where the demo's servers listen.
struct Place: Hashable, Sendable {
    var redisPort: Int
    var postgresPort: Int
    var database = SampleDatabase.name
    /// A key that can be looked at, and the table behind it.
    var exampleKey = "merchant:1"
    /// A file for a shell to read, which then finds both servers and the replicas; nil if there is none.
    var variablesPath: String?
}
