internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import GroupState
internal import RedisClient

extension CacheTools {
    /// Clears what was planned. It can be done again; what is gone is gone.
    ///
    /// Trouble on the way is part of the report: what was cleared before stays cleared, and is told.
    package func clear(_ plan: ClearPlan, progress: CacheProgress) async -> ClearReport {
        var report = ClearReport(plan: plan)
        do {
            let backup = try await backupWriter(for: plan)
            do {
                for part in plan.parts { try await clear(part, of: plan, backup, progress, &report) }
            } catch {
                report.fail(error)
            }
            // The backup is finished also after trouble: what was cleared is in it.
            let backedUp = try backup?.finish() ?? 0
            report.backedUp = backedUp > 0 ? backedUp : nil
        } catch {
            report.fail(error)
        }
        if report.count + report.uncertain > 0 {
            await record("cache-cleared", report.summary, by: plan.request.requester, &report.remarks)
        }
        report.remarks += await returning(report)
        return report
    }

    /// - Returns: nil if no backup is asked for.
    private func backupWriter(for plan: ClearPlan) async throws -> BackupWriter? {
        guard let path = plan.request.backup, let place = plan.parts.first?.place else { return nil }
        return try BackupWriter(path: path, origin: await origin(of: place))
    }

    /// Clears at one Redis. The report has its part also after trouble.
    private func clear(
        _ part: ClearPlan.Part, of plan: ClearPlan, _ backup: BackupWriter?, _ progress: CacheProgress,
        _ report: inout ClearReport
    ) async throws {
        var cleared = ClearReport.Part(place: part.place, families: part.work.families)
        defer { report.parts.append(cleared) }
        try await RedisClient.brief(part.place.settings) { client in
            let connection = try await client.connection()
            let notes = try await LeaderNotes(self, part.place, connection, isPrecise: part.work.isPrecise)
            let clear = CacheClear(
                client: client, connection: connection, notes: notes, backup: backup, progress: progress,
                pace: Pace(rate: plan.request.rate, progress), cleared: cleared)
            defer { cleared = clear.cleared }
            try await clear.run(part.work)
        }
    }

    /// Appends to the group's history, if there is a group.
    func record(
        _ event: String, _ what: String, by requester: Requester, _ remarks: inout [String]
    ) async {
        do {
            try await RedisClient.brief(lease) { client in
                guard try await isManaged(client.connection()) else { return }
                let reason = what + StatusReport.because(requester.reason)
                _ = try await client.send(
                    RedisCommand(
                        "XADD", keys.events, "MAXLEN", "~", "10000", "*", "event", event, "holder", requester.name,
                        "epoch", "",
                        "token", "", "reason", reason))
            }
        } catch {
            remarks.append("The history could not be written: \(error)")
        }
    }
}

/// The clearing of one Redis: it sends keys away in batches, ahead of the answers, and counts by these what went.
private final class CacheClear {
    /// The server whose keys are scanned.
    private let client: RedisClient
    private let connection: RedisConnection
    private let notes: LeaderNotes
    /// Where each key is copied to before.
    private let backup: BackupWriter?
    private let progress: CacheProgress
    private var pace: Pace
    /// The report on the keys that are known to be gone.
    private(set) var cleared: ClearReport.Part
    private var unanswered: [Batch] = []

    init(
        client: RedisClient, connection: RedisConnection, notes: LeaderNotes, backup: BackupWriter?,
        progress: CacheProgress, pace: Pace, cleared: ClearReport.Part
    ) {
        self.client = client
        self.connection = connection
        self.notes = notes
        self.backup = backup
        self.progress = progress
        self.pace = pace
        self.cleared = cleared
    }

    /// Keys of one family, on their way out.
    private struct Batch {
        /// A place in the part's families; nil for keys of none.
        let family: Int?
        let keys: [[UInt8]]
        let reply: RedisPendingReply
    }

    /// Clears all that is meant.
    ///
    /// - Throws: the first trouble; ``cleared`` tells also then all that was done.
    func run(_ work: ClearPlan.Work) async throws {
        do {
            switch work {
            case .keys(let shares, _): for share in shares { try await send(share) }
            case .selection(let selection): try await scan(selection)
            }
        } catch {
            try? await settle()
            throw error
        }
        try await settle()
    }

    private func scan(_ selection: CacheSelection) async throws {
        try await Inventory(redis: client).forEachPage(matching: selection.pattern) { keys, share in
            // The answers to the page before have come with this one.
            try await settle()
            try progress.goOn()
            let page = selection.sorted(keys)
            cleared.own += page.own
            for group in page.shares { try await send(group) }
            progress.tell(share, "\(TextLayout.count(cleared.total, "key")) cleared")
        }
    }

    private func send(_ share: CacheSelection.Share) async throws {
        let step = min(LeaderNotes.batchSize, pace.step)
        for start in stride(from: 0, to: share.keys.count, by: step) {
            let keys = Array(share.keys[start..<min(start + step, share.keys.count)])
            try await backUp(keys)
            unanswered.append(
                Batch(family: share.family, keys: keys, reply: connection.submit(notes.unlink(keys))))
            try await pace.wait(after: keys.count)
        }
    }

    private func backUp(_ keys: [[UInt8]]) async throws {
        guard let backup else { return }
        try await settle()
        try await backup.add(keys, connection)
        try backup.flush()
    }

    /// Waits for all answers and counts what they say.
    ///
    /// - Throws: the first trouble among them.
    private func settle() async throws {
        let batches = unanswered
        unanswered = []
        var trouble: (any Error)?
        for batch in batches {
            do {
                try await count(batch)
            } catch {
                trouble = trouble ?? error
                if (error as? RedisError)?.delivery == .unknown { cleared.uncertain += batch.keys.count }
            }
        }
        if let trouble { throw trouble }
    }

    private func count(_ batch: Batch) async throws {
        let count = try notes.count(try await batch.reply.value())
        cleared.count(count, of: batch.family)
        if count > 0 { cleared.keepers.formUnion(notes.keepers(of: batch.keys) ?? []) }
    }
}

extension ClearPlan.Work {
    /// Few enough for the leader to look at each.
    fileprivate var isPrecise: Bool {
        switch self {
        case .keys(let shares, _): shares.reduce(0) { $0 + $1.keys.count } <= 100
        case .selection: false
        }
    }
}
