internal import CacheRefresh
internal import DatasetReading
package import ElectionRuntime
internal import Formatting
package import Logging
internal import PostgresClient
internal import Telemetry

/// Refreshes one dataset during one term: at once, then at every tick or when it is woken, one pass at a time.
///
/// Nothing that fails here disturbs anything else: the cache stays as it was, the error is logged once for each kind
/// and then once a minute, and counted, and the next try comes later.
package struct DatasetLoop {
    let pass: DatasetPass
    let term: LeadershipTerm
    let pool: PostgresPool
    let logger: Logger
    /// Brings the next tick forward. After a pass that failed it changes nothing: the next try has its time.
    package let wakeUp = WakeUp()
    /// How long a transaction may keep the gate open before that is told.
    package var gatePatience = GateWatch.patience
    /// Called when no pass of this term can ever succeed.
    var giveUpTerm: @Sendable () -> Void = {}

    package init(pass: DatasetPass, term: LeadershipTerm, pool: PostgresPool, logger: Logger) {
        self.pass = pass
        self.term = term
        self.pool = pool
        self.logger = logger
    }

    /// Runs until the task is cancelled or the term is over.
    package func run() async {
        var state = DatasetPass.State()
        var schedule = PassSchedule(every: pass.dataset.every)
        var random = SystemRandomNumberGenerator()
        var trouble = LastingProblem()
        var told = Told()
        var gate = GateWatch(patience: gatePatience)
        defer {
            pass.meter.ended()
            pass.signs.passSucceeded(pass.dataset.name)
        }
        var pause = Duration.zero
        while true {
            if schedule.consecutiveFailures > 0 {
                try? await Task.sleep(for: pause)
            } else if pause > .zero {
                await wakeUp.wait(atMost: pause)
            }
            guard await term.beginPass() else { return }
            defer { term.passEnded() }
            let began = pass.clock()
            if let interval = schedule.began(at: began) { pass.meter.ticked(after: interval) }
            pass.meter.began()
            pass.signs.passBegan(pass.dataset.name, target: pass.dataset.redis)
            do {
                try await pass.fence.verify()
                let outcome = try await tick(&state, &gate)
                let duration = pass.clock() - began
                pass.meter.succeeded(outcome, duration)
                pass.signs.passSucceeded(pass.dataset.name)
                if let change = state.history.takeChange() { report(change) }
                report(outcome, state.memory.known, duration, &told)
                if trouble.isOver() {
                    if schedule.consecutiveFailures == 0 {  // the server only lagged
                        logger.notice("postgres has caught up")
                    } else {
                        logger.notice("passes succeed again", [.failures: "\(schedule.consecutiveFailures)"])
                    }
                }
                pause = schedule.succeeded(at: pass.clock())
            } catch let lag as ServerLag {
                let problem = Problem(lag)
                if trouble.isWorthTelling(problem, at: pass.clock()) {
                    logger.warning("postgres lags", [.problem: "\(problem.text)"])
                }
                pass.meter.waited(problem)
                pass.signs.passSucceeded(pass.dataset.name)  // both servers answer, and another leader would wait too
                pause = schedule.succeeded(at: pass.clock())
            } catch {
                if Task.isCancelled || !term.isLive() { return }
                let problem = Problem(error)
                if trouble.isWorthTelling(problem, at: pass.clock()) {
                    logger.error("pass failed", [.problem: "\(problem.text)"])
                }
                pass.meter.failed(problem)
                pass.signs.passFailed(error)
                if problem.castsDoubtOnLease { term.writeRefused() }
                if case Fence.Failure.outranked = error {
                    giveUpTerm()
                    return
                }
                pause = schedule.failed(using: &random)
                // A connection that was closed is replaced at once; only what fails again waits.
                if problem.endedConnection, schedule.consecutiveFailures == 1 { pause = .zero }
            }
        }
    }

    private func tick(
        _ state: inout DatasetPass.State, _ gate: inout GateWatch
    ) async throws -> DatasetPass.Outcome {
        try await pool.withConnection { connection in
            let before = connection.usage
            defer { pass.meter.queried(connection.usage - before) }
            let outcome = try await pass.tick(&state, on: connection)
            await watch(&gate, state.memory, connection)
            return outcome
        }
    }

    /// Tells who keeps the gate open.
    private func watch(
        _ gate: inout GateWatch, _ memory: DatasetMemory, _ connection: PostgresConnection
    ) async {
        let isUseful = memory.known?.binding.gateObstacle == nil
        switch gate.judge(isUseful ? memory.snapshot : nil, at: pass.clock()) {
        case .fine: pass.meter.gateOpen(because: nil)
        case .unchanged: break
        case .open(let id, let span):
            guard let found = try? await OpenTransaction.find(id, on: connection) else { return }
            let text = "for \(DurationText.render(.seconds(span.components.seconds))) at least, by \(found)"
            logger.warning("gate kept open: each tick reads all rows", [.reason: "\(text)"])
            pass.meter.gateOpen(because: text)
        }
    }

    /// The news that was told before, and is not told again while it stays the same.
    private struct Told {
        var refusal: String?
        var keysHeld = 0
    }

    private func report(_ change: (from: ServerHistory, to: ServerHistory)) {
        let metadata: LogMetadata = [.from: "\(change.from)", .to: "\(change.to)"]
        if pass.dataset.hasFilter {
            logger.warning(
                "another history of postgres goes on; rows outside the filter may have changed unnoticed", metadata)
        } else {
            logger.notice("another history of postgres goes on; everything was compared", metadata)
        }
    }

    private func report(
        _ outcome: DatasetPass.Outcome, _ known: KnownDataset?, _ duration: Duration, _ told: inout Told
    ) {
        let summary: PassSummary
        let refusal: String?
        switch outcome {
        case .skipped: return
        case .settled(let settled, let refused): (summary, refusal) = (settled, refused)
        case .passed(let passed, let refused): (summary, refusal) = (passed, refused)
        }
        if let refusal, refusal != told.refusal { logger.warning("redis refused keys", [.problem: "\(refusal)"]) }
        told.refusal = refusal
        let isEventful =
            summary.rowsChanged + summary.keysWritten + summary.keysDeleted + summary.keysRenewed + summary.keysKept > 0
        var metadata: LogMetadata = [
            .rows: "\(summary.rowsRead)", .changed: "\(summary.rowsChanged)", .written: "\(summary.keysWritten)",
            .deleted: "\(summary.keysDeleted)", .milliseconds: "\(duration.milliseconds)",
        ]
        if summary.keysRenewed > 0 { metadata[.renewed] = "\(summary.keysRenewed)" }
        if summary.keysKept > 0 { metadata[.kept] = "\(summary.keysKept)" }
        if summary.rowsContested > 0 { metadata[.contested] = "\(summary.rowsContested)" }
        if summary.rowsSetAside > 0 {
            metadata[.setAside] = "\(summary.rowsSetAside)"
            let first = known?.refresh.setAside.prefix(3).map { "\($0.name): \($0.reason)" } ?? []
            metadata[.firstSetAside] = "\(first.joined(separator: "; "))"
        }
        logger.log(isEventful ? .info : .debug, "pass finished", metadata)
        if summary.keysHeld > 0, summary.keysHeld != told.keysHeld {
            logger.warning(
                "deletions held by the brake",
                [.held: "\(summary.keysHeld)", .releasedAfter: "\(pass.dataset.confirmAfter)"])
        }
        told.keysHeld = summary.keysHeld
    }
}
