import ArgumentParser

/// How long nobody writes after something happened to the leader, and whether anybody wrote who should not.
struct Failover {
    let runs: Int
    let events: [Event]
    let report: Report

    func run() async throws {
        try Witness.check()
        let started = ContinuousClock.now
        var stale = (accepted: 0, rejected: 0)
        for event in events {
            report.say("failover: \(event.title), \(runs) times")
            let outcome = try await Drill.with(event) { drill in
                var run = 0
                // A refusal is to be seen too; a batch is on its way in some of the runs only.
                while run < runs || event.isMidBatch && run < 3 * runs && drill.witness.sight.staleRejected == 0 {
                    try await drill.run()
                    run += 1
                    if run % 10 == 0 { report.say("failover: \(run) of \(runs)") }
                }
                return (
                    elected: drill.elected, synced: drill.synced, fresh: drill.fresh, sight: drill.witness.sight
                )
            }
            let name = "failover.\(event)"
            let goal = event.goal
            report.add("\(name).elected_median", outcome.elected.median, "ms", .lower)
            report.add("\(name).synced_median", outcome.synced.median, "ms", goal: goal.median, .lower)
            report.add("\(name).synced_maximum", outcome.synced.max() ?? 0, "ms", goal: goal.maximum, .lower)
            report.add("\(name).fresh_median", outcome.fresh.median, "ms", .lower)
            report.add("\(name).fresh_maximum", outcome.fresh.max() ?? 0, "ms", .lower)
            if event.isMidBatch {
                report.add("\(name).stale_rejected", Double(outcome.sight.staleRejected), "writes", goal: 1, .higher)
            }
            stale.accepted += outcome.sight.staleAccepted
            stale.rejected += outcome.sight.staleRejected
        }
        report.add("failover.stale_accepted", Double(stale.accepted), "writes", goal: 0, .lower)
        report.add("failover.stale_rejected", Double(stale.rejected), "writes", .higher)
        report.say("failover: took \(Report.number((ContinuousClock.now - started).seconds)) s")
    }

    /// What happens to a leader. The raw values are the names of the figures.
    enum Event: String, CaseIterable, ExpressibleByArgument {
        case stepDown = "step_down"
        case sigterm
        case sigkill
        case sigkillTTL = "sigkill_ttl"
        case sigstop
        case partition
        case redisEmptied = "redis_emptied"

        var title: String {
            switch self {
            case .stepDown: "the leader is requested to step down"
            case .sigterm: "the leader is told to end"
            case .sigkill: "the leader is killed"
            case .sigkillTTL: "the leader is killed, and only the TTL counts"
            case .sigstop: "the leader is stopped amid a pass"
            case .partition: "the leader is cut off from Redis amid a pass"
            case .redisEmptied: "Redis is killed and starts empty"
            }
        }

        /// In milliseconds, until the successor's first accepted word to the fence.
        var goal: (median: Double?, maximum: Double) {
            switch self {
            case .stepDown, .sigterm: (30, 100)
            case .sigkill: (80, 250)
            case .sigkillTTL, .sigstop, .partition: (nil, 3100)
            case .redisEmptied: (nil, 1500)
            }
        }

        /// Whether it happens while the leader sends batches, some of which arrive when it is succeeded already.
        var isMidBatch: Bool { self == .sigstop || self == .partition }
    }
}

extension Failover.Event: CustomStringConvertible {
    var description: String { rawValue }
}
