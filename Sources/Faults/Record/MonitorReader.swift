internal import FoundationEssentials

/// Understands what `MONITOR` tells of a group.
///
/// Redis shows the call of a script first and then the commands that the script did, before anything else: so a batch
/// was accepted if, and only if, the script that writes set the fence's sequence.
struct MonitorReader {
    private let leaseKey: String
    private let fenceKey: String
    private let eventsKey: String
    private let ownKeys: String
    /// The batch whose script runs, or ran last, and has not been accepted.
    private var write: RedisEvent.Write?
    /// Whether what the script does belongs to a batch that was accepted.
    private var isAccepted = false
    /// Whether the script that runs has deleted the lease; if it seals the fence then, the holder has given it up.
    private var hasReleased = false

    /// Commands that change a key.
    private static let changes: Set<String> = [
        "APPEND", "COPY", "DECR", "DECRBY", "DEL", "EXPIRE", "EXPIREAT", "GETDEL", "GETEX", "GETSET", "HDEL", "HINCRBY",
        "HMSET", "HSET", "HSETNX", "INCR", "INCRBY", "MOVE", "MSET", "PERSIST", "PEXPIRE", "PEXPIREAT", "PSETEX",
        "RENAME",
        "RENAMENX", "RESTORE", "SET", "SETEX", "SETNX", "SETRANGE", "UNLINK", "XADD", "XTRIM",
    ]

    init(group: String) {
        ownKeys = "{baton:\(group)}:"
        leaseKey = ownKeys + "lease"
        fenceKey = ownKeys + "fence"
        eventsKey = ownKeys + "events"
    }

    /// What a line says, together with what it brings to an end.
    mutating func read(_ line: MonitorLine) -> [RedisEvent] {
        var line = line
        guard let command = line.word()?.uppercased() else { return [] }
        if line.isFromScript { return inScript(command, &line).map { [$0] } ?? [] }
        let ended = finish()
        switch command {
        case "EVALSHA", "EVAL": write = Self.write(&line, fence: fenceKey)
        case "FLUSHALL", "FLUSHDB": return ended + [.byHand(command: command, key: "")]
        case let change where Self.changes.contains(change):
            let key = line.word() ?? ""
            return ended + [
                key.hasPrefix(ownKeys)
                    ? .byHand(command: change, key: key) : .unfenced(command: change, key: key, client: line.client)
            ]
        default: break
        }
        return ended
    }

    /// The batch whose script ran last, if it was one and was not accepted.
    mutating func finish() -> [RedisEvent] {
        defer { (write, isAccepted, hasReleased) = (nil, false, false) }
        return write.map { [.write($0)] } ?? []
    }

    private mutating func inScript(_ command: String, _ line: inout MonitorLine) -> RedisEvent? {
        if write?.outcome == .notRun { write?.outcome = .refused }
        guard let key = line.word() else { return nil }
        switch (command, key) {
        case ("SET", leaseKey): return line.word().flatMap(Self.election).map { .elected($0) }
        case ("PEXPIRE", leaseKey): return .renewed
        case ("DEL", leaseKey), ("UNLINK", leaseKey):
            hasReleased = true
            return nil
        case ("XADD", eventsKey): return Self.note(line.rest())
        case ("HSET", fenceKey):
            let fields = line.rest()
            if var accepted = write, fields == ["sequence", "\(accepted.sequence)"] {
                accepted.outcome = .accepted
                (write, isAccepted) = (nil, true)
                return .write(accepted)
            }
            return hasReleased && fields == ["token", "sealed"] ? .resigned : nil
        default:
            guard !isAccepted, Self.changes.contains(command), !key.hasPrefix(ownKeys) else {
                return nil
            }
            return .unfenced(command: command, key: key, client: line.client)
        }
    }

    /// `sha keys fence … epoch token previous next operations …`; nil if it is another script.
    private static func write(_ line: inout MonitorLine, fence: String) -> RedisEvent.Write? {
        line.skip(1)
        guard let count = line.word().flatMap({ Int($0) }), line.word() == fence else { return nil }
        line.skip(count - 1)
        guard let epoch = line.word().flatMap({ UInt64($0) }), let token = line.word(),
            line.word().flatMap({ Int64($0) }) != nil, let next = line.word().flatMap({ Int64($0) }),
            line.word() != nil
        else { return nil }
        return RedisEvent.Write(epoch: epoch, token: token, sequence: next, outcome: .notRun)
    }

    private static func election(_ text: String) -> RedisEvent.Election? {
        struct Lease: Decodable {
            var epoch: String
            var token: String
            var holder: String
        }
        guard let lease = try? JSONDecoder().decode(Lease.self, from: Data(text.utf8)), let epoch = UInt64(lease.epoch)
        else { return nil }
        return RedisEvent.Election(epoch: epoch, token: lease.token, holder: lease.holder)
    }

    private static func note(_ words: [String]) -> RedisEvent? {
        func field(_ name: String) -> String? {
            words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        guard let event = field("event"), let epoch = field("epoch").flatMap({ UInt64($0) }) else { return nil }
        return .noted(event: event, epoch: epoch, reason: field("reason") ?? "")
    }
}
