@testable import CacheRefresh

/// A table that changes at random, an application that reads through the cache, and leaders that fail and follow one
/// another, all from one seed. Whatever the cache holds that it should not is a violation.
struct Simulation {
    struct Settings {
        var mode: Dataset.WriteMode
        var format = Dataset.Format.json
        var seed: UInt64
        var steps = 300
        /// Several users may have one phone. A mark says nothing of who had it before, so these have no marks.
        var sharesPhones = true
        /// Some passes read only rows that changed, or some of them.
        var readsIdentities = false
        var parts = TargetParts.one
        var sabotage: FakeRedis.Sabotage?
    }

    struct User {
        var name: String
        /// Nil is NULL; the empty text makes the row one that can't be written.
        var phone: String?
        /// The number of the change that made it so.
        var changedAt: UInt64

        var isFlawed: Bool { phone == "" }
    }

    /// What a slow reader found, on its way into the cache.
    private struct Refill {
        let key: String
        let text: String
        let at: Duration
    }

    private let settings: Settings
    private let dataset: Dataset
    private let redis = FakeRedis()
    private var leader: Leader
    private var random: SeededGenerator
    private var users: [Int: User] = [:]
    private var changes: UInt64 = 0
    /// How many changes had been made at the last read that came to its end.
    private var changesRead: UInt64 = 0
    /// Users that came, changed or went since they were read.
    private var unread: Set<Int> = []
    /// Each phone that a user ever had.
    private var pastPhones: [Int: Set<String>] = [:]
    private var refills: [Refill] = []
    /// Keys that Redis lost since they were written, which nobody can know before they are renewed.
    private var evicted: Set<String> = []
    private var mark: UInt64?
    private(set) var violations: [String] = []
    /// How often the whole cache was compared: a simulation that never comes to it finds nothing.
    private(set) var comparisons = 0
    /// How often that was after a pass that had read some rows only.
    private(set) var comparisonsOfSome = 0

    init(_ settings: Settings) throws {
        self.settings = settings
        dataset = try Fixture.users(
            mode: settings.mode, format: settings.format, ttlJitter: 0.05, confirmAfter: .seconds(5),
            repeatLateAfter: .seconds(6))
        random = SeededGenerator(seed: settings.seed)
        redis.sabotage = settings.sabotage
        leader = try Leader(dataset, redis, parts: settings.parts)
    }

    mutating func run() throws {
        for _ in 0..<settings.steps {
            for _ in 0..<Int.random(in: 0...3, using: &random) { mutate() }
            if settings.mode != .upsert { for _ in 0..<6 { readThroughCache() } }
            if random.once(in: 6), let key = redis.keys.randomElement(using: &random) {
                redis[key] = nil
                evicted.insert(key)
            }
            if settings.mode == .upsert, random.once(in: 8) { meddle() }
            advance(.milliseconds(Int.random(in: 0...1500, using: &random)))
            if random.once(in: 25) { try takeOver() }
            refresh(mayFail: random.once(in: 2))
        }
        heal()
    }

    // MARK: The table

    private mutating func mutate() {
        changes += 1
        let id = Int.random(in: 1...14, using: &random)
        let other = users.keys.sorted().randomElement(using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: remove(id)
        case 1: if random.once(in: 20) { for id in users.keys.sorted() { remove(id) } }
        case 2, 3:
            // Two users swap their phones in one transaction.
            guard let other, let mine = users[id]?.phone, let theirs = users[other]?.phone else { return }
            guard wasRead(id), wasRead(other) else { return }
            set(id, users[id]!.name, theirs)
            set(other, users[other]!.name, mine)
        case 4, 5: if wasRead(id), let user = users[id] { set(id, user.name, newPhone()) }
        case 6:
            guard wasRead(id), settings.mode == .upsert || random.once(in: 4), let user = users[id] else { return }
            set(id, user.name, "")
        default: set(id, "N\(changes)", users[id].map(\.phone) ?? newPhone())
        }
    }

    /// Whether what the row is now was read. Nobody can know the keys of a row that came and went between two reads, so
    /// applications that fill their cache may keep such a key; here they don't.
    private func wasRead(_ id: Int) -> Bool {
        settings.mode == .upsert || users[id].map { $0.changedAt <= changesRead } ?? true
    }

    private mutating func set(_ id: Int, _ name: String, _ phone: String?) {
        users[id] = User(name: name, phone: phone, changedAt: changes)
        unread.insert(id)
        if let phone { pastPhones[id, default: []].insert(phone) }
    }

    private mutating func remove(_ id: Int) {
        guard wasRead(id) else { return }
        users[id] = nil
        unread.insert(id)
    }

    private mutating func newPhone() -> String? {
        guard !random.once(in: 6) else { return nil }
        let phone = String(Int.random(in: 100...112, using: &random))
        return settings.sharesPhones || !users.values.contains { $0.phone == phone } ? phone : nil
    }

    private func row(_ id: Int) -> String {
        let user = users[id]!
        return "\(id) \(user.name) \(user.phone ?? "\\N")"
    }

    // MARK: What should be in the cache

    private func text(_ id: Int) -> String {
        let user = users[id]!
        switch settings.format {
        case .json: return Fixture.json(id, user.name, user.phone)
        case .hash: return "id=\(id) name=\(user.name)" + (user.phone.map { " phone=\($0)" } ?? "")
        }
    }

    private func owner(ofPhone phone: String) -> Int? {
        users.filter { $0.value.phone == phone && !$0.value.isFlawed }.keys.min()
    }

    /// What the database says of a key.
    private func expected(_ key: String) -> String? {
        if key.hasPrefix("user:") { return Int(key.dropFirst(5)).flatMap { users[$0] == nil ? nil : text($0) } }
        return owner(ofPhone: String(key.dropFirst(6))).map { "\($0)" }
    }

    private var expectedKeys: Set<String> {
        Set(users.filter { !$0.value.isFlawed }.map { "user:\($0.key)" })
            .union(users.values.compactMap { $0.phone.flatMap { $0.isEmpty ? nil : "phone:\($0)" } })
    }

    /// A row that can't be written keeps the keys that it had.
    private func maySomeFlawedRowHave(_ key: String) -> Bool {
        users.contains { id, user in
            user.isFlawed && (key == "user:\(id)" || pastPhones[id]!.contains { key == "phone:\($0)" })
        }
    }

    // MARK: The application

    private mutating func readThroughCache() {
        let key =
            random.once(in: 2)
            ? "user:\(Int.random(in: 1...14, using: &random))" : "phone:\(Int.random(in: 100...112, using: &random))"
        guard redis[key] == nil else { return }
        // Applications with a cache of their own also remember that there is no such row.
        guard let text = expected(key) ?? (settings.mode == .invalidate ? "*" : nil) else { return }
        let delay = random.once(in: 2) ? 0 : Int.random(in: 0..<2000, using: &random)
        refills.append(Refill(key: key, text: text, at: redis.now + .milliseconds(delay)))
        fill()
    }

    private mutating func fill() {
        for refill in refills where refill.at <= redis.now { redis.set(refill.key, refill.text, ttl: .seconds(1000)) }
        refills.removeAll { $0.at <= redis.now }
    }

    private mutating func advance(_ duration: Duration) {
        let end = redis.now + duration
        while let next = refills.map(\.at).min(), next <= end {
            redis.now = max(redis.now, next)
            fill()
        }
        redis.now = end
    }

    /// A person takes a key out of the cache, or puts an old one back, and the leader is told.
    private mutating func meddle() {
        let key =
            random.once(in: 2)
            ? "user:\(Int.random(in: 1...14, using: &random))" : "phone:\(Int.random(in: 100...112, using: &random))"
        if random.once(in: 2) { redis[key] = nil } else { redis.set(key, "old", ttl: .seconds(1000)) }
        if random.once(in: 4) {
            leader.refresh.doubtEverything()
            evicted = []
        } else {
            leader.refresh.doubt(key: Array(key.utf8))
            evicted.remove(key)
        }
    }

    // MARK: The leader

    private mutating func takeOver() throws {
        leader = try Leader(dataset, redis, parts: settings.parts)
        leader.depth = Int.random(in: 1...4, using: &random)
    }

    private mutating func refresh(mayFail: Bool, readsAll: Bool = false) {
        if mayFail { redis.fate = chaoticFate() }
        defer { redis.fate = { _ in .answered } }
        guard !random.once(in: 5) || leader.needsRead else {
            _ = leader.tick()
            writeMark()
            return
        }
        var ids = users.keys.sorted().shuffled(using: &random)
        let readsSome = settings.readsIdentities && !readsAll && leader.isFirstPassDone && !random.once(in: 3)
        let some = readsSome ? someIdentities() : nil
        if let some { ids.removeAll { !some.contains($0) } }
        let horizon = changes
        var flags: [Bool]?
        if !leader.isFirstPassDone, let mark, !random.once(in: 4) { flags = ids.map { users[$0]!.changedAt > mark } }
        let abort: Leader.Abort? =
            mayFail && random.once(in: 2)
            ? [
                .afterChunk(Int.random(in: 0...4, using: &random)), .afterRead, .afterInventory,
                .afterSettlingBatches(Int.random(in: 0...2, using: &random)),
            ].randomElement(using: &random) : nil
        let isDone = leader.pass(
            ids.map(row), of: some?.sorted().map { "\($0)" }, flags: flags,
            chunk: Int.random(in: 1...5, using: &random), abort: abort)
        if isDone { unread.subtract(some ?? unread) }
        if case .afterChunk = abort {} else if some == nil || isDone && unread.isEmpty { changesRead = horizon }
        for written in redis.log where !written.hasPrefix("T") && !written.hasPrefix("t") {
            evicted.remove(String(written.dropFirst(2)))
        }
        guard isDone, unread.isEmpty else { return }
        if settings.mode == .invalidate && !settings.sharesPhones {
            leader.refresh.passed(Fixture.mark(horizon))
        }
        writeMark()
        if settings.mode == .upsert && !leader.needsRead && !leader.isHolding && leader.summary.keysFailed == 0 {
            compare(isFinal: false)
            if some != nil { comparisonsOfSome += 1 }
        }
    }

    /// The users that a source of changes would name: those that changed, and perhaps others, or only some of them.
    private mutating func someIdentities() -> Set<Int> {
        var ids = unread
        if random.once(in: 3) { ids = ids.filter { _ in !random.once(in: 3) } }
        if random.once(in: 2) { ids.formUnion((0..<3).map { _ in Int.random(in: 1...16, using: &random) }) }
        return ids
    }

    private mutating func writeMark() {
        guard let due = leader.dueMark else { return }
        let batch = WriteBatch.mark(due, of: dataset.name, key: "marks")
        if let outcome = redis.execute(batch), outcome.failures.isEmpty {
            leader.refresh.acknowledge(batch, outcome, at: redis.now)
        } else {
            leader.refresh.lost(batch)
        }
        mark = redis.marks[dataset.name].flatMap { Mark($0)?.horizon }
    }

    /// Draws what becomes of each batch of a pass beforehand.
    private mutating func chaoticFate() -> (WriteBatch) -> FakeRedis.Fate {
        var fates: [FakeRedis.Fate] = (0..<40).map { _ in
            switch Int.random(in: 0..<4, using: &random) {
            case 0: .lost
            case 1: .unanswered
            case 2: .refused(Set((0..<5).map { _ in Int.random(in: 0..<20, using: &random) }))
            default: .answered
            }
        }
        return { _ in fates.popLast() ?? .answered }
    }

    // MARK: The verdict

    /// Ends all trouble, lets a little time pass, and looks at what is left.
    private mutating func heal() {
        for id in users.keys.sorted() where users[id]!.isFlawed {
            changes += 1
            set(id, users[id]!.name, nil)
        }
        for _ in 0..<12 {
            refresh(mayFail: false)
            // Long enough for repetitions and the brake, and in the end for half of each TTL.
            advance(settings.mode == .upsert ? .seconds(25) : .seconds(2))
            _ = leader.tick()
        }
        refresh(mayFail: false, readsAll: true)
        evicted = []
        compare(isFinal: true)
        if leader.needsRead || leader.isHolding { violations.append("work is left for ever") }
    }

    private mutating func compare(isFinal: Bool) {
        comparisons += 1
        for key in redis.keys where !maySomeFlawedRowHave(key) {
            let right = expected(key) ?? (settings.mode == .invalidate ? "*" : nil)
            if redis[key] != right { violations.append("\(key) holds \(redis[key]!), not \(right ?? "nothing")") }
        }
        guard settings.mode == .upsert else { return }
        for key in expectedKeys where redis[key] == nil && !evicted.contains(key) && !maySomeFlawedRowHave(key) {
            violations.append("\(key) is missing")
        }
    }
}
