package import Formatting
internal import GroupState
internal import RedisClient

/// The plan of putting a backup back.
package struct RestorePlan: Sendable {
    let path: String
    let place: CacheTools.Place
    let origin: BackupFile.Origin
    let likeness: BackupFile.Origin.Likeness
    /// Whether keys that are there are replaced.
    let replaces: Bool
    let families: [CacheFamily]
    /// How many keys there are of each family, the last: of none. Without those that have expired.
    let counts: [Int]
    /// Keys whose TTL has ended since.
    let expired: Int
    /// The server there, such as `Valkey 9.1.2`; nil if it did not tell.
    let product: String?
    /// Why Redis would refuse the keys; nil if it takes them, or would not let it be tried.
    let refusal: String?

    /// How many keys would be put back, if none of them is there.
    package var count: Int { counts.reduce(0, +) }
    /// Whether the backup is of another Redis, or of another of its databases.
    package var isElsewhere: Bool { likeness == .other }
    package var status: ExitStatus { refusal != nil ? .refused : count == 0 ? .no : .done }

    /// The origin of the backup, such as `127.0.0.1:6379, database 0 (Redis 7.0.15)`.
    package var source: String {
        "\(origin.address), database \(origin.database)" + (origin.product.map { " (\($0))" } ?? "")
    }

    /// Why nothing can be put back, and what to do; nil if it can.
    package var obstacle: String? {
        guard let refusal else { return nil }
        let text = "Redis refuses what the backup holds: \(refusal)."
        guard refusal.contains("DUMP payload") else { return text }
        let products =
            "The backup is of \(origin.product ?? "an unknown server"), and this is \(product ?? "an unknown one")"
        return
            "\(text) \(products). A server takes what older ones of its own kind wrote, and Redis 8 and Valkey 9 nothing "
            + "from each other. Put it back at such a server; or leave it: what Baton keeps comes from the database anyway."
    }

    static let perhapsElsewhere =
        "The server's run id is another one than the backup's: it was restarted, or it is not the same server."

    private var remarks: [String] {
        var remarks = [replaces ? "Keys that are there are overwritten." : "Keys that are there stay as they are."]
        if expired > 0 {
            remarks.append(
                expired == 1
                    ? "1 more has expired since, and is left out."
                    : "\(TextLayout.grouped(expired)) more have expired since, and are left out.")
        }
        if let obstacle { remarks.append(obstacle) }
        switch likeness {
        case .same: break
        case .perhaps:
            remarks.append(Self.perhapsElsewhere)
        case .other:
            remarks.append("This is another Redis than the backup's, which takes --elsewhere.")
        }
        let others = zip(families, counts).filter { $1 > 0 && $0.keeper == .application }.map(\.0).names
        if !others.isEmpty {
            remarks.append(
                "Baton does not compare keys of \(others.joined(separator: ", ")) with the database: what has "
                    + "changed there since stays wrong until the TTL ends.")
        }
        return remarks
    }

    /// The report for people.
    package func text(_ layout: TextLayout = TextLayout(), columns: Int? = nil) -> String {
        var lines = [
            "\(TextLayout.count(count, "key")) of \(path)",
            "  made at \(WallClock(origin.madeMilliseconds).date) of \(source)",
            "  to be put back at \(place.description)",
        ]
        lines += CacheText.table(families, counts, columns: columns) + [""]
        for remark in remarks { lines += layout.entry("note", [remark]) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The report for programs.
    package var json: String {
        JSONText.fields([
            "count": .number(count), "expired": .number(expired), "file": .text(path),
            "madeMilliseconds": .number(Int(origin.madeMilliseconds)), "from": .text(source),
            "redis": .text(place.description), "elsewhere": .boolean(isElsewhere),
            "refusal": refusal.map { .text($0) } ?? .null,
            "families": .array(CacheText.families(place, families, counts)), "notes": .texts(remarks),
        ]).rendered + "\n"
    }
}

extension CacheTools {
    /// Finds out what putting a backup back would do, and changes nothing. The whole file is looked through.
    ///
    /// - Parameter replaces: whether keys that are there are replaced.
    /// - Throws: ``InspectionError`` for a file that is none, of another version, or damaged; `RedisError`.
    package func plan(restoring path: String, replaces: Bool) async throws -> RestorePlan {
        let place = try onlyPlace()
        let reader = try BackupReader(path: path)
        let now = WallClock.now.millisecondsSince1970
        var (counts, expired) = (Array(repeating: 0, count: place.families.count + 1), 0)
        var sample: BackupFile.Record?
        while let record = try reader.next() {
            if GroupKeys.isOwn(record.key) { continue }
            if record.ttl(atMilliseconds: now) == nil {
                expired += 1
            } else {
                counts[place.families.index(of: record.key) ?? place.families.count] += 1
                if record.value.count < sample?.value.count ?? .max { sample = record }
            }
        }
        let here = try await origin(of: place)
        var refusal: String?
        if let sample { refusal = try await self.refusal(of: sample, place) }
        return RestorePlan(
            path: path, place: place, origin: reader.origin, likeness: reader.origin.likeness(to: here),
            replaces: replaces, families: place.families, counts: counts, expired: expired, product: here.product,
            refusal: refusal)
    }

    /// Tries to put a key back that has expired long ago: Redis looks at all of it, and keeps nothing.
    ///
    /// - Returns: why Redis would refuse it; nil if it takes it, or if this can't be tried.
    private func refusal(of record: BackupFile.Record, _ place: Place) async throws -> String? {
        let words = ["RESTORE", keys.tried, "1"].map { Array($0.utf8) } + [record.value, Array("ABSTTL".utf8)]
        return try await RedisClient.brief(place.settings) { client in
            do throws(RedisError) {
                _ = try await client.send(RedisCommand(words))
                return nil
            } catch {
                guard let refusal = error.serverError else { throw error }
                // Those of the backup's own keys may be allowed.
                let saysNothing = refusal.prefix == "BUSYKEY" || refusal.kind == .noPermission
                return saysNothing ? nil : KeyText.harmless("\(refusal)")
            }
        }
    }

    /// Puts the keys of a backup back, each with what is left of its life by now.
    ///
    /// Trouble on the way is part of the report: what was put back before stays, and is told.
    package func restore(
        _ plan: RestorePlan, rate: Int?, _ requester: Requester, progress: CacheProgress
    ) async -> BackupReport {
        var report = BackupReport(verb: "Put back", path: plan.path, place: plan.place.description)
        report.replaces = plan.replaces
        let total = plan.count + plan.expired
        var pace = Pace(rate: rate, progress)
        do {
            let reader = try BackupReader(path: plan.path)
            try await RedisClient.brief(plan.place.settings) { client in
                let connection = try await client.connection()
                let notes = try await LeaderNotes(self, plan.place, connection, isPrecise: total <= 100)
                var (done, isSureToTell) = (0, false)
                while case let batch = try reader.batch(atMost: pace.step), !batch.isEmpty {
                    if !isSureToTell, let note = notes.note(batch.map(\.key)) {
                        // What keeps the leader from being told has to be known before any of its keys is put back.
                        _ = try notes.count(try await connection.send(note))
                        isSureToTell = true
                    }
                    try await put(batch, connection, notes, &report)
                    done += batch.count
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
                "cache-restored", "\(TextLayout.count(report.count, "key")) from \(plan.path)\(more)", by: requester,
                &report.remarks)
        }
        if plan.likeness == .perhaps { report.remarks.append(RestorePlan.perhapsElsewhere) }
        if report.untold > 0 {
            report.remarks.append(
                "The leader could not be told of \(TextLayout.count(report.untold, "key")) that may be of its own: "
                    + "after `baton step-down` the next one compares everything.")
        }
        if report.count > 0, report.wasTold {
            report.remarks.append("What Baton keeps is compared with the database at the leader's next pass.")
        }
        return report
    }

    private func put(
        _ records: [BackupFile.Record], _ connection: RedisConnection, _ notes: LeaderNotes,
        _ report: inout BackupReport
    ) async throws {
        let now = WallClock.now.millisecondsSince1970
        let living = records.compactMap { record in record.ttl(atMilliseconds: now).map { (record, ttl: $0) } }
        report.expired += records.count - living.count
        guard !living.isEmpty else { return }
        let restores = living.map { record, ttl in
            let words = [Array("RESTORE".utf8), record.key, Array("\(ttl)".utf8), record.value]
            return RedisCommand(report.replaces ? words + [Array("REPLACE".utf8)] : words)
        }
        // The note goes in one step with the values: whatever is put back, the leader looks at it, also if this process
        // ends now.
        let note = notes.note(living.map(\.0.key))
        let answers: [Result<RedisValue, RedisError>]
        do throws(RedisError) {
            answers = try await connection.transaction(restores + (note.map { [$0] } ?? []))
        } catch {
            if error.delivery == .unknown { report.uncertain += living.count }
            throw error
        }
        for ((record, _), answer) in zip(living, answers) { report.add(answer, to: record) }
        if note != nil, let answer = answers.last {
            do {
                _ = try notes.count(try answer.get())
                report.wasTold = true
            } catch {
                report.untold += living.count
                throw error
            }
        }
    }
}

extension BackupReport {
    /// Adds what became of a `RESTORE`.
    fileprivate mutating func add(_ answer: Result<RedisValue, RedisError>, to record: BackupFile.Record) {
        switch answer {
        case .success:
            count += 1
        case .failure(let error) where error.serverError?.prefix == "BUSYKEY":
            kept += 1
        case .failure(let error):
            let cause = error.serverError.map { "\($0)" } ?? "\(error)"
            if refused == 0 { refusal = "\(KeyText.shown(record.key, limit: 100)): \(cause)" }
            refused += 1
        }
    }
}

extension BackupReader {
    /// How many bytes of values are put back in one step, unless one value is larger: meanwhile Redis answers nobody
    /// else.
    private static let maximumBytes = 1 << 20

    /// Some records, whose values are not too large together; none at the end.
    fileprivate func batch(atMost limit: Int) throws(InspectionError) -> [BackupFile.Record] {
        var records: [BackupFile.Record] = []
        var bytes = 0
        while records.count < min(LeaderNotes.batchSize, limit), bytes < Self.maximumBytes, let record = try next() {
            guard !GroupKeys.isOwn(record.key) else { continue }
            records.append(record)
            bytes += record.value.count
        }
        return records
    }
}
