internal import RedisClient

/// What `baton cache backup` and `restore` did.
public struct BackupReport: Sendable {
    let verb: String
    let path: String
    let place: String
    public internal(set) var count = 0
    /// Keys that were there already and stayed as they are.
    var kept = 0
    /// Keys that Redis refused, with what it said of the first.
    var refused = 0
    var refusal = ""
    /// Keys of which nobody knows whether they were put back: the connection was lost before the answer.
    var uncertain = 0
    /// Whether the leader was told, since it keeps some of the keys, or may.
    var wasTold = false
    var remarks: [String] = []
    var trouble: String?
    var troubleStatus = ExitStatus.done

    public var status: ExitStatus {
        if trouble != nil { return troubleStatus }
        return refused > 0 || kept > 0 || count == 0 ? .no : .done
    }

    mutating func fail(_ error: any Error) {
        trouble = "\(error)"
        troubleStatus = ExitStatus(error)
    }

    /// Adds what Redis answered to a `RESTORE`.
    fileprivate mutating func count(_ record: BackupFile.Record, _ answer: RedisValue) {
        guard case .error(let error) = answer else {
            count += 1
            return
        }
        if error.prefix == "BUSYKEY" {
            kept += 1
        } else {
            if refused == 0 { refusal = "\(KeyText.shown(record.key, limit: 100)): \(error)" }
            refused += 1
        }
    }

    public func text(_ layout: TextLayout = TextLayout()) -> String {
        var lines = ["\(verb) \(TextLayout.count(count, "key")): \(path), \(place)"]
        if kept > 0 {
            lines += layout.entry(
                "kept", ["\(TextLayout.count(kept, "key")) were there already and stay. --replace overwrites them."])
        }
        if refused > 0 {
            lines += layout.entry("refused", ["\(TextLayout.count(refused, "key")), the first: \(refusal)"], .red)
        }
        if uncertain > 0 {
            lines += layout.entry(
                "unknown",
                [
                    "Whether \(TextLayout.count(uncertain, "more key")) came back is not known: the connection was lost. Do it again: "
                        + "what is there already stays."
                ],
                .yellow)
        }
        for remark in remarks { lines += layout.entry("note", [remark]) }
        if let trouble { lines += layout.entry("failed", [trouble], .red) }
        return lines.joined(separator: "\n") + "\n"
    }

    public var json: String {
        JSONText.fields([
            "keys": .number(count), "kept": .number(kept), "refused": .number(refused), "uncertain": .number(uncertain),
            "file": .text(path),
            "redis": .text(place), "failure": trouble.map { .text($0) } ?? .null, "notes": .texts(remarks),
        ]).rendered + "\n"
    }
}

extension CacheTools {
    /// The only Redis; a backup is of one.
    ///
    /// - Throws: ``InspectionError`` if there are several.
    private func onlyPlace() throws(InspectionError) -> Place {
        guard places.count == 1 else {
            throw InspectionError(
                .usage, "There are several Redises (\(Wording.list(places.map(\.name)))). Say which one: --server NAME."
            )
        }
        return places[0]
    }

    /// Copies keys to a file.
    ///
    /// - Parameters:
    ///   - families: names or templates; none: all, unless there is a pattern.
    ///   - path: of a file that is not there yet.
    /// - Throws: ``InspectionError``; `RedisError` before anything was copied. Trouble later is in the report; there is no file then.
    public func backup(
        families names: [String], pattern: CachePattern?, rate: Int?, to path: String, progress: CacheProgress
    ) async throws -> BackupReport {
        let place = try onlyPlace()
        let families = try families(of: place, named: names)
        let selection = pattern.map { CacheSelection($0, families: families) } ?? CacheSelection(families: families)
        var report = BackupReport(verb: "Copied", path: path, place: place.description)
        let writer = try BackupWriter(path: path)
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

    /// Puts the keys of a file back, each with the TTL that it had left then. The whole file is looked through first.
    ///
    /// - Parameter replaces: also keys that are there.
    /// - Throws: ``InspectionError`` for a file that is none, of another version, or damaged: nothing was put back then.
    public func restore(
        from path: String, replaces: Bool, rate: Int?, _ wisher: Wisher, progress: CacheProgress
    ) async throws -> BackupReport {
        let place = try onlyPlace()
        let check = try BackupReader(path: path)
        var total = 0
        while try check.next() != nil { total += 1 }
        var report = BackupReport(verb: "Put back", path: path, place: place.description)
        var pace = Pace(rate: rate, progress)
        do {
            try await RedisClient.brief(place.settings) { client in
                let connection = try await client.connection()
                let notes = try await LeaderNotes(self, place, connection, isPrecise: total <= 100)
                let reader = try BackupReader(path: path)
                while case let batch = try reader.batch(atMost: pace.step), !batch.isEmpty {
                    try await put(batch, connection, notes, replaces, &report)
                    let done = report.count + report.kept + report.refused
                    progress.tell(Double(done) / Double(max(1, total)), "\(TextLayout.count(done, "key")) put back")
                    try await pace.wait(after: batch.count)
                }
            }
        } catch {
            report.fail(error)
        }
        if report.count + report.uncertain > 0 {
            let more = report.uncertain > 0 ? ", of \(report.uncertain) more nobody knows" : ""
            await record(
                "cache-restored", "\(TextLayout.count(report.count, "key")) from \(path)\(more)", by: wisher,
                &report.remarks)
        }
        if report.count > 0, report.wasTold {
            report.remarks.append("What Baton keeps is compared with the database at the leader's next pass.")
        }
        return report
    }

    private func put(
        _ records: [BackupFile.Record], _ connection: RedisConnection, _ notes: LeaderNotes, _ replaces: Bool,
        _ report: inout BackupReport
    ) async throws {
        let restores = records.map { record in
            let words = [
                Array("RESTORE".utf8), record.key, Array("\(record.ttlMilliseconds)".utf8), record.value,
            ]
            return RedisCommand(replaces ? words + [Array("REPLACE".utf8)] : words)
        }
        // In one step with them: whatever is put back, the leader looks at it, also if this process ends now.
        let note = notes.note(records.map(\.key))
        let answers: [RedisValue]
        do {
            answers = try await connection.transaction(restores + (note.map { [$0] } ?? []))
        } catch {
            if error.delivery == .unknown { report.uncertain += records.count }
            throw error
        }
        for (record, answer) in zip(records, answers) { report.count(record, answer) }
        if note != nil, let answer = answers.last {
            _ = try notes.count(answer)
            report.wasTold = true
        }
    }
}

extension BackupWriter {
    /// So many bytes of values are on their way at once, unless one is larger.
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
                // 0 would be no TTL at all.
                try add(BackupFile.Record(key: key, ttlMilliseconds: left < 0 ? 0 : max(1, left), value: bytes))
            }
            start = end
        }
    }
}

extension BackupReader {
    /// Some records, whose values are not too large together; none at the end.
    fileprivate func batch(atMost limit: Int) throws(InspectionError) -> [BackupFile.Record] {
        var records: [BackupFile.Record] = []
        var bytes = 0
        while records.count < min(LeaderNotes.batchSize, limit), bytes < 1 << 20, let record = try next() {
            guard !CacheTools.isOwn(record.key) else { continue }
            records.append(record)
            bytes += record.value.count
        }
        return records
    }
}
