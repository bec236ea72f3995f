internal import GroupState

/// The facts that a Redis tells in its answer to `INFO`, and what follows from them.
struct RedisFacts: Hashable, Sendable {
    private let fields: [String: String]

    /// - Parameter info: lines of `name:value`, and headings that begin with `#`.
    init(info: String) {
        var fields: [String: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":"), !line.hasPrefix("#") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        self.fields = fields
    }

    subscript(_ name: String) -> String? { fields[name] }

    private func number(_ name: String) -> Int { fields[name].flatMap { Int($0) } ?? 0 }

    /// The product and its version, such as `Redis 7.0.15` or `Valkey 8.0.1`.
    var product: String {
        if let version = fields["valkey_version"] { return "Valkey \(version)" }
        return "Redis \(fields["redis_version"] ?? "of unknown version")"
    }

    /// The id of the running server process: another one after a restart.
    var runID: String? { fields["run_id"].flatMap { $0.isEmpty ? nil : $0 } }
    /// `standalone`, `sentinel` or `cluster`; Valkey names it otherwise.
    private var mode: String? {
        fields["cluster_enabled"] == "1" ? "cluster" : fields["server_mode"] ?? fields["redis_mode"]
    }
    var isPrimary: Bool { fields["role"] == "master" }
    var isLoading: Bool { number("loading") == 1 }
    var usedMemory: Int { number("used_memory") }
    /// The limit of memory in bytes; 0: no limit.
    var maximumMemory: Int { number("maxmemory") }
    var evictionPolicy: String { fields["maxmemory_policy"] ?? "unknown" }

    /// The numbers of the databases that hold keys.
    var databases: [Int] {
        fields.keys.compactMap { $0.hasPrefix("db") ? Int($0.dropFirst(2)) : nil }.sorted()
    }

    /// How many keys a database holds.
    func keyCount(database: Int) -> Int {
        let entry = fields["db\(database)"]?.split(separator: ",").first { $0.hasPrefix("keys=") }
        return entry.flatMap { Int($0.dropFirst("keys=".count)) } ?? 0
    }

    /// Whether data survives a restart, for people.
    var persistence: String {
        switch (fields["aof_enabled"] == "1", number("rdb_last_save_time") > 0 && number("rdb_saves") > 0) {
        case (true, _): "append-only file"
        case (false, true): "snapshots"
        case (false, false): "no snapshot since its start"
        }
    }

    // MARK: Judgement

    /// - Parameter holdsLease: the election takes place here, not only cached keys.
    func findings(holdsLease: Bool) -> [Finding] {
        if let obstacle = mode.flatMap(RedisNature.obstacle(inMode:)) {
            return [.problem(obstacle)]
        }
        var findings: [Finding] = []
        if isTooOld {
            findings.append(
                .problem("\(product) is too old", "Use Redis 6.2 or newer, or Valkey: Baton uses what came with 6.2"))
        }
        if let role = fields["role"], role != "master" {
            let upstream = fields["master_host"].map { " of \($0):\(fields["master_port"] ?? "6379")" } ?? ""
            findings.append(
                .problem(
                    "This Redis is a replica\(upstream) and accepts no writes",
                    "Give the address of the Redis that it follows, or a name that always leads there"))
        }
        if isLoading {
            findings.append(.warning("It is loading its data and answers nothing else", "Check again when it is done"))
        }
        return findings + evictionFindings(holdsLease: holdsLease) + persistenceFindings
    }

    /// Valkey began with 7.2.
    private var isTooOld: Bool {
        guard fields["valkey_version"] == nil, let version = fields["redis_version"] else { return false }
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && (numbers[0], numbers[1]) < (6, 2)
    }

    /// What happens to lease (which has a TTL), fence (which has none) and cached keys when memory is full.
    private func evictionFindings(holdsLease: Bool) -> [Finding] {
        let policy = evictionPolicy
        let remedy = "Set `maxmemory-policy` to `noeviction` or `volatile-lru`, and `maxmemory` high enough"
        let text: String
        var isFatal = false
        switch policy {
        case "noeviction", "unknown":
            return []
        case "volatile-ttl", "volatile-random":
            // These look at keys with a TTL only, so the fence is safe and the lease is not.
            isFatal = holdsLease
            text =
                holdsLease
                ? "The eviction policy \(policy) evicts the lease within seconds once memory is full, so that nobody leads"
                : "The eviction policy \(policy) evicts cached keys once memory is full; they come back at half their TTL"
        case "allkeys-random":
            isFatal = true
            text = "The eviction policy \(policy) evicts \(holdsLease ? "lease and fence" : "the fence") at random"
        default:  // allkeys-lru, allkeys-lfu, volatile-lru, volatile-lfu and what is still to come
            text =
                "The eviction policy \(policy) spares \(holdsLease ? "lease and fence, which are" : "the fence, which is") "
                + "used all the time, but evicts cached keys; they come back at half their TTL"
        }
        guard maximumMemory > 0 else {
            return isFatal
                ? [.warning("\(text). It has no effect as long as `maxmemory` is 0", remedy)]
                : [.note("\(text). It has no effect as long as `maxmemory` is 0")]
        }
        return [isFatal ? .problem(text, remedy) : .warning(text, remedy)]
    }

    private var persistenceFindings: [Finding] {
        var findings: [Finding] = []
        if fields["rdb_last_bgsave_status"] == "err" {
            findings.append(
                .problem(
                    "Its last snapshot failed; by default it refuses all writes until one succeeds",
                    "See its log for why, often a full disk or missing permission, then run BGSAVE"))
        }
        if fields["aof_enabled"] == "1", fields["aof_last_write_status"] == "err" {
            findings.append(
                .problem(
                    "The last write to its append-only file failed, so that it refuses writes", "See its log for why"))
        }
        return findings
    }
}
