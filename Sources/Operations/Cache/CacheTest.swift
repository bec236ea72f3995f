internal import CacheRefresh
internal import Formatting
internal import GroupState
internal import RedisClient

extension CacheTools {
    /// Looks whether this is the Redis that is meant: how it answers, what is there, and the mistakes that people make
    /// most.
    ///
    /// - Throws: nothing that a server does: that is in the report.
    package func test(progress: CacheProgress) async throws -> CheckReport {
        var report = CheckReport()
        // A server may be known by several addresses, and not tell every user its run id.
        var runIDs: [String: String] = [:]
        for place in places {
            let (section, runID) = await CacheProbe(tools: self, place: place).section(progress)
            report.sections.append(section)
            if let runID { runIDs["\(place.settings.url.address)"] = runID }
        }
        guard places.count > 1 else { return report }
        let servers = Dictionary(grouping: places) { place in
            let address = "\(place.settings.url.address)"
            return "\(runIDs[address] ?? address)/\(place.settings.url.database)"
        }
        for (_, same) in servers where same.count > 1 {
            add(
                .note("\(Wording.list(same.map(\.name))) are the same database of the same server"), to: &report,
                same[0].name)
        }
        if servers.count > 1 {
            add(
                .note(
                    "There are \(servers.count) different Redises. What a service reads may be in another one than the one you "
                        + "look at: compare their run ids with what the service's own connection says"), to: &report,
                places[0].name)
        }
        return report
    }

    private func add(_ finding: Finding, to report: inout CheckReport, _ name: String) {
        guard let position = report.sections.firstIndex(where: { $0.name == name }) else { return }
        report.sections[position].findings.append(finding)
    }
}

/// Looks at one Redis for ``CacheTools/test(progress:)``.
private struct CacheProbe {
    let tools: CacheTools
    let place: CacheTools.Place

    private static let pings = 21
    /// How many pages of keys are looked at for what the key might have been meant to be.
    private static let pages = 20
    /// How many keys of a family are asked whether they have a TTL.
    private static let sample = 500

    /// - Returns: what was found, and the server's run id if it tells.
    func section(_ progress: CacheProgress) async -> (CheckReport.Section, runID: String?) {
        var section = CheckReport.Section(.redis, place.name, title: place.description)
        var runID: String?
        do {
            try await RedisClient.brief(place.settings) { client in
                let connection = try await client.connection()
                let latency = try await latency(connection)
                section.add(
                    "latency", "\(latency.median) (at most \(latency.worst), \(Self.pings) PINGs)",
                    json: .text(latency.median))
                let facts = try await facts(connection)
                if let facts { describe(facts, in: &section) }
                runID = facts?.runID
                let held = Int(try await client.send(RedisCommand("DBSIZE")).int ?? 0)
                section.add(
                    "database", "\(place.settings.url.database), which holds \(TextLayout.count(held, "key"))",
                    json: .fields(["number": .number(place.settings.url.database), "keys": .number(held)]))
                let counts = try await counts(client, connection, progress)
                describe(counts, in: &section)
                for (family, count) in zip(place.families, counts) {
                    guard let lack = family.lackOfTTL(count.immortal, of: count.sampled) else { continue }
                    section.findings.append(.warning(lack.text, lack.remedy))
                }
                let found = Set(zip(place.families, counts).filter { $0.1.keys > 0 }.map(\.0.name))
                let missing = place.families.filter { !found.contains($0.name) }
                if !missing.isEmpty {
                    section.findings += try await mistakes(held, facts, missing, isAll: found.isEmpty, client)
                }
            }
        } catch {
            section.findings.append(unreachable(error))
        }
        return (section, runID)
    }

    // MARK: What there is

    private func latency(_ connection: RedisConnection) async throws -> (median: String, worst: String) {
        var times: [Duration] = []
        for _ in 0..<Self.pings {
            let begin = ContinuousClock.now
            _ = try await connection.send(RedisCommand("PING"))
            times.append(ContinuousClock.now - begin)
        }
        times.sort()
        return (Self.text(times[times.count / 2]), Self.text(times[times.count - 1]))
    }

    private static func text(_ time: Duration) -> String {
        let microseconds = Int(time / .microseconds(1))
        return "\(microseconds / 1000).\(String(microseconds % 1000 / 10 + 100).dropFirst()) ms"
    }

    private func facts(_ connection: RedisConnection) async throws -> RedisFacts? {
        try await connection.submit(RedisCommand("INFO")).value(unless: .noPermission)
            .map { RedisFacts(info: $0.string ?? "") }
    }

    private func describe(_ facts: RedisFacts, in section: inout CheckReport.Section) {
        let role = facts.isPrimary ? "" : ", a replica of \(facts["master_host"] ?? "another")"
        section.add("server", "\(facts.product)\(role), run id \(facts.runID ?? "unknown")")
        section.findings += facts.findings(holdsLease: false).filter { $0.severity == .problem }
    }

    private struct Count {
        var keys = 0
        var sampled = 0
        var immortal = 0
    }

    private func counts(
        _ client: RedisClient, _ connection: RedisConnection, _ progress: CacheProgress
    ) async throws -> [Count] {
        var counts = Array(repeating: Count(), count: place.families.count)
        guard !counts.isEmpty else { return [] }
        let selection = CacheSelection(families: place.families)
        try await Inventory(redis: client).forEachPage(matching: selection.pattern) { keys, share in
            for group in selection.sorted(keys).shares {
                guard let family = group.family else { continue }
                counts[family].keys += group.keys.count
                guard place.families[family].keeper == .application else { continue }
                let asked = group.keys.prefix(Self.sample - counts[family].sampled).map {
                    connection.submit(RedisCommand("PTTL", keys: [$0]))
                }
                for answer in asked {
                    guard let left = try await answer.value(unless: .noPermission)?.int, left != -2 else { continue }
                    counts[family].sampled += 1
                    if left == -1 { counts[family].immortal += 1 }
                }
            }
            progress.tell(share, "\(TextLayout.count(counts.reduce(0) { $0 + $1.keys }, "key")) found")
        }
        return counts
    }

    private func describe(_ counts: [Count], in section: inout CheckReport.Section) {
        section.add(
            "families",
            zip(place.families, counts).map { "\($0.form.text): \(TextLayout.grouped($1.keys))" },
            json: .array(
                zip(place.families, counts).map {
                    .fields([
                        "family": .text($0.name), "template": .text($0.form.text), "keys": .number($1.keys),
                        "sampled": .number($1.sampled), "withoutTTL": .number($1.immortal),
                    ])
                }))
    }

    // MARK: What may be wrong

    private func unreachable(_ error: any Error) -> Finding {
        let status = ExitStatus(error)
        let text = "\(error)"
        let remedy =
            status == .unavailable
            ? "Compare host and port with those of the service that reads the cache: in a container, 127.0.0.1 is the container itself"
            : ""
        return .problem(text.hasSuffix(".") ? String(text.dropLast()) : text, remedy, status)
    }

    /// Why no key of these families is there.
    ///
    /// - Parameter isAll: there is no key of any family. Where others are there, these may be just empty, and so only
    ///   signs of a mistake are told, as warnings.
    private func mistakes(
        _ held: Int, _ facts: RedisFacts?, _ families: [CacheFamily], isAll: Bool, _ client: RedisClient
    ) async throws -> [Finding] {
        let finding = isAll ? { Finding.problem($0, $1) } : { Finding.warning($0, $1) }
        var findings: [Finding] = []
        if let relative = try await misprefixed(families, client) {
            findings.append(
                finding(
                    "There are keys such as \(relative.key), which end like those of \(relative.family) but begin otherwise",
                    "Set the prefix that the service uses: `keyPrefix` of the configuration or --key-prefix, or a template of "
                        + "its own under `families`"))
        }
        let own = place.settings.url.database
        for database in facts?.databases ?? [] where database != own {
            if try await holds(families, database) {
                findings.append(
                    finding(
                        "The keys are in database \(database) of this server, not in \(own)",
                        "Use that number: --db \(database), or at the end of the URL"))
            } else if isAll, held == 0 {
                findings.append(
                    .note("Database \(database) of this server holds keys, of no family"))
            }
        }
        if isAll, findings.isEmpty {
            findings.append(
                .warning(
                    held == 0 ? "This database is empty" : "No key of a family is there, though \(held) others are",
                    "See whether the service uses another Redis (its host, port and database number), or nothing was cached yet"
                ))
        }
        return findings
    }

    /// A key that would be a family's if it began otherwise.
    private func misprefixed(
        _ families: [CacheFamily], _ client: RedisClient
    ) async throws -> (key: String, family: String)? {
        let tails = families.compactMap { family in
            family.form.tail.map { (family, $0) }
        }
        var page = 0
        var found: (key: String, family: String)?
        struct Enough: Error {}
        do {
            try await Inventory(redis: client).forEachPage(matching: Array("*".utf8)) { keys in
                for key in keys where !GroupKeys.isOwn(key) && place.families.index(of: key) == nil {
                    let last =
                        Array(":".utf8) + (key.split(separator: UInt8(ascii: ":")).suffix(3).joined(separator: [58]))
                    if let (family, _) = tails.first(where: { Self.contains($0.1, in: last) }) {
                        found = (KeyText.shown(key, limit: 100), family.form.text)
                        throw Enough()
                    }
                }
                page += 1
                if page >= Self.pages { throw Enough() }
            }
        } catch is Enough {}
        return found
    }

    private static func contains(_ wanted: [UInt8], in text: [UInt8]) -> Bool {
        text.indices.contains { text[$0...].starts(with: wanted) }
    }

    private func holds(_ families: [CacheFamily], _ database: Int) async throws -> Bool {
        var settings = place.settings
        settings.url.database = database
        let selection = CacheSelection(families: families)
        struct Enough: Error {}
        var found = false
        var page = 0
        do {
            try await RedisClient.brief(settings) { client in
                try await Inventory(redis: client).forEachPage(matching: selection.pattern) { keys in
                    found = found || !selection.sorted(keys).shares.isEmpty
                    page += 1
                    if found || page >= Self.pages * 10 { throw Enough() }
                }
            }
        } catch is Enough {
        } catch let error as RedisError {
            // There are fewer databases, or the user may not select this one.
            guard error.serverError != nil || error.code == .protocolViolation else { throw error }
        }
        return found
    }
}

extension KeyForm {
    /// The last words before the first column, such as `:appUsers:id:` of `cache:appUsers:id:{id}`: what is left of a
    /// key if it began otherwise. Nil where nothing is telling enough.
    package var tail: [UInt8]? {
        let words = beginning.split(separator: UInt8(ascii: ":")).suffix(2)
        guard beginning.last == UInt8(ascii: ":"), let last = words.last, last.count > 1 else { return nil }
        return Array(":".utf8) + words.joined(separator: Array(":".utf8)) + Array(":".utf8)
    }
}
