internal import BatonConfiguration
package import Formatting
internal import GroupState
internal import LeaderElection
internal import RedisClient

/// A fault that `baton fsck` found in one of the group's own keys, and its repair.
package struct KeyFault: Hashable, Sendable {
    package enum Repair: Hashable, Sendable {
        case unlink
        case expire(milliseconds: Int64)
        case persist
        case deleteField(String)
        case setField(String, String)
    }

    package let key: String
    /// The problem, as a sentence without its full stop.
    package let text: String
    /// The remedy: what to do by hand, or what the repair does.
    package let remedy: String
    /// The repair; nil where a person has to decide.
    package let repair: Repair?
}

/// The report of `baton fsck`: the keys of a group and what is wrong with them.
package struct KeyCheck: Sendable {
    /// Each key with its type and what is in it.
    let keys: [(name: String, type: String, content: String)]
    package let faults: [KeyFault]

    package var repairable: [KeyFault] { faults.filter { $0.repair != nil } }
    package var status: ExitStatus { faults.isEmpty ? .done : .no }

    package func text(_ layout: TextLayout) -> String {
        var lines = TextLayout.table(header: ["KEY", "TYPE", "CONTENT"], keys.map { [$0.name, $0.type, $0.content] })
        lines.append("")
        for fault in faults { lines += layout.entry("fault", ["\(fault.key): \(fault.text). \(fault.remedy)."], .red) }
        if faults.isEmpty { lines.append("  No fault was found.") }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Inspector {
    /// Looks at each of the group's own keys at the Redis of the lease: their types, forms and TTLs. Changes nothing.
    ///
    /// - Throws: `RedisError`.
    package func checkKeys() async throws -> KeyCheck {
        try await withRedis(configuration.lease.redis) { redis in
            var listed: [(name: String, type: String, content: String)] = []
            var faults: [KeyFault] = []
            let wanted: [(String, String)] = [
                (keys.lease, "string"), (keys.fence, "hash"), (keys.marks, "hash"), (keys.events, "stream"),
                (keys.suspect, "string"), (keys.requests, "hash"), (keys.cleared, "hash"), (keys.replicas, "hash"),
                (keys.statistics, "string"),
            ]
            for (key, type) in wanted {
                let found = try await redis.send(RedisCommand("TYPE", key)).string ?? "none"
                guard found != "none" else {
                    listed.append((key, "none", ""))
                    continue
                }
                guard found == type else {
                    listed.append((key, found, "?"))
                    faults.append(
                        KeyFault(
                            key: key, text: "it is a \(found), not a \(type)",
                            remedy: "See what wrote it; the repair deletes it", repair: .unlink))
                    continue
                }
                let left = try await redis.send(RedisCommand("PTTL", key)).int ?? -1
                listed.append((key, found, try await describe(key, left, redis, &faults)))
            }
            return KeyCheck(keys: listed, faults: faults)
        }
    }

    /// Mends what can be mended. Say first what that is, and ask.
    package func repair(_ faults: [KeyFault]) async throws {
        try await withRedis(configuration.lease.redis) { redis in
            for fault in faults {
                switch fault.repair {
                case .unlink: _ = try await redis.send(RedisCommand("UNLINK", fault.key))
                case .expire(let milliseconds):
                    _ = try await redis.send(RedisCommand("PEXPIRE", fault.key, "\(milliseconds)"))
                case .persist: _ = try await redis.send(RedisCommand("PERSIST", fault.key))
                case .deleteField(let field): _ = try await redis.send(RedisCommand("HDEL", fault.key, field))
                case .setField(let field, let value):
                    _ = try await redis.send(RedisCommand("HSET", fault.key, field, value))
                case nil: break
                }
            }
        }
    }

    private func describe(
        _ key: String, _ left: Int64, _ redis: RedisClient, _ faults: inout [KeyFault]
    ) async throws -> String {
        switch key {
        case keys.lease: return try await describeLease(left, redis, &faults)
        case keys.fence:
            let command = RedisCommand("HMGET", key, "epoch", "token", "sequence", "highest")
            let texts = try await redis.send(command).array?.map { $0.string } ?? []
            if left >= 0 { faults.append(Self.mortal(key)) }
            let numbers = [0, 2, 3].map { texts.indices.contains($0) ? KeptNumber.read(texts[$0]) : nil }
            if let epoch = numbers[0], numbers[1] != nil, numbers[2] == nil {
                faults.append(
                    KeyFault(
                        key: key, text: "the highest epoch is missing, or is no number from 0 to 2^52",
                        remedy: "The repair sets it to the present one", repair: .setField("highest", "\(epoch)")))
            } else if numbers.contains(nil) || (numbers[0] ?? 0) > (numbers[2] ?? 0) {
                faults.append(
                    KeyFault(
                        key: key,
                        text:
                            "a field is missing, is no number from 0 to 2^52, or the highest epoch is below the present one",
                        remedy: "The leader writes it anew at its next sync; nothing is to be done", repair: nil))
            }
            return "epoch \(numbers[0].map { "\($0)" } ?? "?"), sequence \(numbers[1].map { "\($0)" } ?? "?")"
        case keys.marks:
            if left >= 0 { faults.append(Self.mortal(key)) }
            let flat = try await redis.send(RedisCommand("HGETALL", key)).array?.map { $0.string ?? "" } ?? []
            // A dataset has a mark under its name, or the history that it was written from after a colon, or both.
            let names = stride(from: 0, to: flat.count, by: 2).map {
                flat[$0].utf8.split(separator: UInt8(ascii: ":")).last
            }
            return TextLayout.count(Set(names.map { $0.map(Array.init) ?? [] }).count, "dataset")
        case keys.events:
            return TextLayout.count(Int(try await redis.send(RedisCommand("XLEN", key)).int ?? 0), "event")
        case keys.statistics:
            guard let statistics = GroupStatistics(try await redis.send(RedisCommand("GET", key)).bytes ?? []) else {
                faults.append(
                    KeyFault(
                        key: key, text: "it holds statistics that no leader writes, or of a newer form",
                        remedy: "`baton status` leaves them out; the repair deletes it, and the leader writes it anew",
                        repair: .unlink))
                return "?"
            }
            return TextLayout.count(statistics.entries.count, "dataset")
        case keys.cleared:
            return TextLayout.count(Int(try await redis.send(RedisCommand("HLEN", key)).int ?? 0), "note")
        case keys.suspect:
            if left == -1 {
                faults.append(
                    KeyFault(
                        key: key, text: "it never runs out", remedy: "The repair lets it run out",
                        repair: .expire(milliseconds: configuration.lease.timing.ttlMilliseconds)))
            }
            return TextLayout.printable(try await redis.send(RedisCommand("GET", key)).bytes ?? [], limit: 60)
        case keys.requests:
            let requests = GroupView.hash(try await redis.send(RedisCommand("HGETALL", key)))
            for (name, value) in requests where !Self.isReadable(value, as: name) {
                faults.append(
                    KeyFault(
                        key: key, text: "the request \(name.quoted) can't be read, or is of a newer form",
                        remedy: "It is ignored; the repair deletes it", repair: .deleteField(name)))
            }
            return requests.keys.sorted().map(\.shown).joined(separator: ", ")
        default:
            let notes = GroupView.hash(try await redis.send(RedisCommand("HGETALL", key)))
            for (id, note) in notes where ReplicaInfo(id: id, json: note) == nil {
                faults.append(
                    KeyFault(
                        key: key, text: "what replica \(id.quoted) says of itself can't be read",
                        remedy: "It is not counted upon; the repair deletes it, and a replica that runs says it again",
                        repair: .deleteField(id)))
            }
            return TextLayout.count(notes.count, "replica")
        }
    }

    /// Whether a request is one that the scripts and the replicas understand; those for datasets are times.
    private static func isReadable(_ value: [UInt8], as name: String) -> Bool {
        switch name {
        case "pause": return GroupView.Pause(value) != nil
        case "step-down": return GroupView.StepDown(value) != nil
        case "reserved":
            let words = value.split(separator: UInt8(ascii: " "), maxSplits: 1)
            return words.count == 2 && KeptNumber.read(String(decoding: words[0], as: UTF8.self)) != nil
        default: return true
        }
    }

    private func describeLease(
        _ left: Int64, _ redis: RedisClient, _ faults: inout [KeyFault]
    ) async throws -> String {
        let text = try await redis.send(RedisCommand("GET", keys.lease)).bytes ?? []
        guard let lease = LeaseText(text) else {
            faults.append(
                KeyFault(
                    key: keys.lease, text: "it holds something that is no lease",
                    remedy: "No replica can be elected; the repair deletes it", repair: .unlink))
            return TextLayout.printable(text, limit: 60)
        }
        if left == -1 {
            faults.append(
                KeyFault(
                    key: keys.lease, text: "it never runs out",
                    remedy:
                        "No other replica can be elected; the repair lets it run out unless \(lease.holder.shown) renews "
                        + "it",
                    repair: .expire(milliseconds: configuration.lease.timing.ttlMilliseconds)))
        }
        if !lease.deployment.hasSuffix("/\(configuration.group)") {
            faults.append(
                KeyFault(
                    key: keys.lease, text: "it belongs to another deployment, \(lease.deployment.shown)",
                    remedy: "Give this one another group or keyPrefix, or stop the other one", repair: nil))
        }
        return "\(lease.holder.shown), epoch \(lease.epoch), " + (left == -1 ? "for ever" : "\(left) ms left")
    }

    private static func mortal(_ key: String) -> KeyFault {
        KeyFault(
            key: key, text: "it has a TTL, and would be forgotten", remedy: "The repair takes the TTL away",
            repair: .persist)
    }
}
