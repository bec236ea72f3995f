package import Formatting
internal import GroupState
internal import RedisClient

/// The report of `baton cache backup` and `restore`.
package struct BackupReport: Sendable {
    let verb: String
    let path: String
    let place: String
    package internal(set) var count = 0
    /// Keys that were there already and stayed as they are.
    var kept = 0
    /// Keys whose TTL has ended since the backup was made.
    var expired = 0
    /// Keys that Redis refused, with what it said of the first.
    var refused = 0
    var refusal = ""
    /// Keys of which nobody knows whether they were put back: no answer came.
    var uncertain = 0
    /// Whether keys that are there are overwritten.
    var replaces = false
    /// Whether the leader was told, since it keeps some of the keys, or may.
    var wasTold = false
    /// Keys that were put back, and of which the leader could not be told.
    var untold = 0
    var remarks: [String] = []
    var trouble: String?
    var troubleStatus = ExitStatus.done

    package var status: ExitStatus {
        if trouble != nil { return troubleStatus }
        return refused > 0 || kept > 0 || count == 0 ? .no : .done
    }

    mutating func fail(_ error: any Error) {
        trouble = "\(error)"
        troubleStatus = ExitStatus(error)
    }

    package func text(_ layout: TextLayout = TextLayout()) -> String {
        var lines = ["\(verb) \(TextLayout.count(count, "key")): \(path), \(place)"]
        if kept > 0 {
            lines += layout.entry(
                "kept", ["\(TextLayout.count(kept, "key")) were there already and stay. --replace overwrites them."])
        }
        if expired > 0 {
            lines += layout.entry("expired", ["\(TextLayout.count(expired, "key")), whose TTL has ended since."])
        }
        if refused > 0 {
            lines += layout.entry("refused", ["\(TextLayout.count(refused, "key")), the first: \(refusal)"], .red)
        }
        if uncertain > 0 {
            let advice = replaces ? "" : " Do it again: what is there already stays."
            lines += layout.entry(
                "unknown",
                ["Whether \(TextLayout.count(uncertain, "more key")) came back is not known: no answer came.\(advice)"],
                .yellow)
        }
        for remark in remarks { lines += layout.entry("note", [remark]) }
        if let trouble { lines += layout.entry("failed", [trouble], .red) }
        return lines.joined(separator: "\n") + "\n"
    }

    package var json: String {
        JSONText.fields([
            "keys": .number(count), "kept": .number(kept), "expired": .number(expired), "refused": .number(refused),
            "uncertain": .number(uncertain), "file": .text(path),
            "redis": .text(place), "failure": trouble.map { .text($0) } ?? .null, "notes": .texts(remarks),
        ]).rendered + "\n"
    }
}

extension CacheTools {
    /// The only Redis; a backup is of one.
    ///
    /// - Throws: ``InspectionError`` if there are several.
    func onlyPlace() throws(InspectionError) -> Place {
        guard places.count == 1 else {
            throw InspectionError(
                .usage, "There are several Redises (\(Wording.list(places.map(\.name)))). Say which one: --server NAME."
            )
        }
        return places[0]
    }

    /// The origin of a backup of this Redis.
    ///
    /// - Throws: `RedisError`.
    func origin(of place: Place) async throws -> BackupFile.Origin {
        let facts = try await RedisClient.brief(place.settings) { client -> RedisFacts? in
            let connection = try await client.connection()
            do throws(RedisError) {
                return RedisFacts(info: try await connection.send(RedisCommand("INFO", "server")).string ?? "")
            } catch {
                // The command is not allowed, or is called otherwise there.
                guard error.serverError != nil else { throw error }
                return nil
            }
        }
        return BackupFile.Origin(
            address: "\(place.settings.url.address)", database: place.settings.url.database, runID: facts?.runID,
            product: facts?.product, madeMilliseconds: WallClock.now.millisecondsSince1970)
    }

    /// Copies keys to a file.
    ///
    /// - Parameters:
    ///   - families: names or templates; none: all, unless there is a pattern.
    ///   - path: the path of a file that is not there yet.
    /// - Throws: ``InspectionError``; `RedisError` before anything was copied. Trouble later is in the report; there is
    ///   no file then.
    package func backup(
        families names: [String], pattern: CachePattern?, rate: Int?, to path: String, progress: CacheProgress
    ) async throws -> BackupReport {
        let place = try onlyPlace()
        let families = try families(of: place, named: names)
        let selection = pattern.map { CacheSelection($0, families: families) } ?? CacheSelection(families: families)
        var report = BackupReport(verb: "Copied", path: path, place: place.description)
        let writer = try BackupWriter(path: path, origin: await origin(of: place))
        var pace = Pace(rate: rate, progress)
        do {
            try await RedisClient.brief(place.settings) { client in
                let connection = try await client.connection()
                try await Inventory(redis: client).forEachPage(matching: selection.pattern) { keys, share in
                    for group in selection.sorted(keys).shares {
                        for start in stride(from: 0, to: group.keys.count, by: min(pace.step, keys.count)) {
                            let keys = Array(group.keys[start...].prefix(pace.step))
                            try await writer.add(keys, connection)
                            try await pace.wait(after: keys.count)
                        }
                    }
                    progress.tell(share, "\(TextLayout.count(writer.count, "key")) copied")
                    try progress.goOn()
                }
                report.count = try writer.finish()
            }
        } catch {
            writer.discard()
            report.fail(error)
        }
        return report
    }
}

extension BackupWriter {
    /// How many bytes of values are on their way at once, unless one value is larger.
    private static let maximumBytes = 4 << 20

    /// Copies keys that are there; others are left out.
    func add(_ keys: [[UInt8]], _ connection: RedisConnection) async throws {
        let entries = try await CacheReader(connection: connection).entries(keys)
        var start = 0
        while start < entries.count {
            var (end, bytes) = (start, 0)
            repeat {
                bytes += entries[end].byteCount ?? Self.maximumBytes / 8
                end += 1
            } while end < entries.count && bytes < Self.maximumBytes
            let asked = entries[start..<end].map { entry in
                (
                    key: entry.key, value: connection.submit(RedisCommand("DUMP", keys: [entry.key])),
                    left: connection.submit(RedisCommand("PTTL", keys: [entry.key]))
                )
            }
            for (key, value, left) in asked {
                let value = try await value.value()
                let left = try await left.value().int ?? -2
                guard let bytes = value.bytes, left != -2 else { continue }
                let (end, isBeyond) = WallClock.now.millisecondsSince1970.addingReportingOverflow(left)
                let expires = left < 0 ? 0 : isBeyond ? .max : end
                try add(BackupFile.Record(key: key, expiresMilliseconds: expires, value: bytes))
            }
            start = end
        }
    }
}
