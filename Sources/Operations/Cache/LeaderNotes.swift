internal import CacheRefresh
internal import GroupState
internal import RedisClient

/// Tells the leader, who would else hold them for unchanged, which of its keys were cleared or put back: in the same
/// step, so that nothing is forgotten whatever happens in between.
struct LeaderNotes {
    /// How many keys are noted in one step, which takes Redis less than a millisecond.
    static let batchSize = 250

    /// More than a number of single keys are one note: everything.
    private static let maximumNotes = 1000

    private let key: String
    private let isPrecise: Bool
    /// What the leader of that Redis keeps; nil without a configuration: only the leader knows.
    private let kept: [(dataset: String, form: KeyForm)]?
    /// The SHA of the script; nil where nobody is to be told anything.
    private let sha: String?

    /// - Parameter isPrecise: the leader is told each key, not only the dataset: there are few.
    /// - Throws: `RedisError`.
    init(
        _ tools: CacheTools, _ place: CacheTools.Place, _ connection: RedisConnection, isPrecise: Bool
    ) async throws(RedisError) {
        key = tools.keys.cleared
        self.isPrecise = isPrecise
        kept = tools.configuration == nil ? nil : place.kept
        guard kept?.isEmpty != true, try await tools.isManaged(connection) else {
            sha = nil
            return
        }
        sha = try await connection.load(ElectionScript.clear)
    }

    /// The datasets that may keep one of these keys; nil if only the leader knows. A key of no family may be one of
    /// theirs too: a column's text may hold anything.
    func keepers(of keys: [[UInt8]]) -> Set<String>? {
        guard let kept else { return nil }
        return Set(kept.filter { entry in keys.contains { entry.form.resembles($0) } }.map(\.dataset))
    }

    /// Takes keys out of the cache.
    func unlink(_ keys: [[UInt8]]) -> RedisCommand {
        command(keys, unlinks: true) ?? RedisCommand("UNLINK", keys: keys)
    }

    /// The command that only leaves the notes; nil if nobody is to be told. It takes the script along, so that a server
    /// that has forgotten it meanwhile leaves them too.
    func note(_ keys: [[UInt8]]) -> RedisCommand? { command(keys, unlinks: false) }

    private func command(_ keys: [[UInt8]], unlinks: Bool) -> RedisCommand? {
        let keepers = keepers(of: keys)
        guard let sha, keepers?.isEmpty != true else { return nil }
        let notes: [ClearedNote] =
            isPrecise ? keys.map { .key($0) } : keepers?.sorted().map { .dataset($0) } ?? [.everything]
        let script = unlinks ? ["EVALSHA", sha] : ["EVAL", ElectionScript.clear.source]
        var words = RedisArguments(script + ["\(unlinks ? keys.count + 1 : 1)", key])
        if unlinks { for key in keys { words.append(key) } }
        words.append("\(ClearedNote.ttl.milliseconds)")
        words.append("\(Self.maximumNotes)")
        for note in notes { words.append(note.bytes) }
        return RedisCommand(segments: [words])
    }

    /// How many keys were there, by the answer to ``unlink(_:)``.
    ///
    /// - Throws: ``InspectionError`` if the notes can't be left.
    func count(_ reply: RedisValue) throws -> Int {
        if let count = reply.int { return Int(count) }
        let answer = try ScriptAnswer(reply)
        guard answer.word == "CLEARED", let count = Int(try answer.field(0)) else {
            throw InspectionError(
                .configuration,
                "\(key) holds something of another type, so that the leader can't be told: `baton fsck --repair` mends it."
            )
        }
        return count
    }
}

extension CacheTools {
    /// Whether a leader may refresh keys there: always with a configuration, else where a group's fence is.
    func isManaged(_ connection: RedisConnection) async throws(RedisError) -> Bool {
        if configuration != nil { return true }
        let type = try await connection.submit(RedisCommand("TYPE", keys.fence)).value(unless: .noPermission)
        return type.map { $0.string != "none" } ?? false
    }
}
