internal import CoreMetrics
internal import GroupState
internal import LeaderElection
internal import Logging
internal import RedisClient
internal import Telemetry

/// Everything that the election logs and counts: constant messages, with what differs as metadata.
struct ElectionLog: Sendable {
    private let logger: Logger
    private let instruments: Instruments

    init(_ logger: Logger, group: String, holder: String, instruments: Instruments) {
        var logger = logger
        logger[.group] = "\(group)"
        logger[.holder] = "\(holder)"
        self.logger = logger
        self.instruments = instruments
    }

    func stateChanged(from old: ElectionState, to new: ElectionState) {
        logger.debug("state changed", [.from: "\(old)", .to: "\(new)"])
    }

    func elected(_ term: Term) {
        logger.notice("elected", Self.term(term.lease))
        instruments.termsBegan.increment()
    }

    func ended(_ term: Term, _ reason: EndReason) {
        instruments.termEnded(reason)
        var metadata = Self.term(term.lease)
        metadata[.reason] = "\(reason)"
        switch reason {
        case .takenOver(let lease):
            metadata[.successor] = "\(lease.holder)"
            metadata[.successorEpoch] = "\(lease.epoch)"
            logger.warning("leadership lost", metadata)
        case .deadline, .leaseGone: logger.warning("leadership lost", metadata)
        case .workEnded, .steppedDown, .cannotWork, .shutdown, .lateAnswer, .outranked:
            logger.notice("leadership ended", metadata)
        }
    }

    func resigned(_ lease: Lease, _ reason: EndReason, wasOurs: Bool) {
        var metadata = Self.term(lease)
        metadata[.reason] = "\(reason)"
        if wasOurs {
            logger.notice("lease released", metadata)
        } else {
            logger.notice("lease was not ours any more", metadata)
        }
    }

    func following(_ lease: Lease) {
        logger.notice("following", [.leader: "\(lease.holder)", .epoch: "\(lease.epoch)"])
    }

    /// - Parameter duration: the time since the renewal was due.
    func renewed(after duration: Duration) { instruments.renewalDuration.recordDuration(duration) }

    func renewalFailed(_ lease: Lease, _ error: LeaseError, remaining: Duration) {
        var metadata = Self.error(error)
        metadata[.epoch] = "\(lease.epoch)"
        metadata[.remaining] = "\(remaining)"
        logger.warning("renewal failed", metadata)
        instruments.renewalFailures.increment()
    }

    func acquireFailed(_ error: LeaseError) {
        logger.log(
            error.remedy == .repair ? .error : .warning, "cannot compete for the lease",
            Self.error(error))
    }

    func resignFailed(_ lease: Lease, _ error: LeaseError) {
        var metadata = Self.error(error)
        metadata[.epoch] = "\(lease.epoch)"
        logger.warning("lease not released", metadata)
    }

    func leaseObstructed(_ error: LeaseError) {
        logger.error("the lease was replaced", Self.error(error))
    }

    func recovered() { logger.notice("the lease can be asked about again") }

    func fenceMissing(_ lease: Lease) {
        logger.warning("the fence is missing: Redis lost data", [.epoch: "\(lease.epoch)"])
    }

    func channelLost(_ error: RedisError) {
        logger.warning("messages of the group are not heard", [.error: "\(error)"])
    }

    func stepDownRequested(_ lease: Lease, _ request: LeaderRequests.StepDown) {
        var metadata = Self.term(lease)
        metadata[.by] = "\(request.by)"
        metadata[.why] = "\(request.reason)"
        metadata[.successor] = "\(request.successor)"
        logger.notice("asked to step down", metadata)
    }

    func pauseChanged(_ lease: Lease, _ pause: Duration) {
        if pause > .zero {
            logger.notice("asked to pause", [.epoch: "\(lease.epoch)", .for: "\(pause)"])
        } else {
            logger.notice("the pause is over", [.epoch: "\(lease.epoch)"])
        }
    }

    func obstructed(_ lease: Lease, by obstacle: Obstacle) {
        logger.error(
            "the leader cannot work", [.epoch: "\(lease.epoch)", .problem: "nothing comes from: \(obstacle.text)"])
    }

    func unobstructed(_ lease: Lease) {
        logger.notice("the leader can work again", [.epoch: "\(lease.epoch)"])
    }

    func handsOver(_ lease: Lease, to successor: String) {
        logger.warning(
            "giving the lease up to a replica that can work", [.epoch: "\(lease.epoch)", .successor: "\(successor)"])
    }

    func tried(_ missing: [String]) {
        if missing.isEmpty {
            logger.info("this replica could work in the leader's place")
        } else {
            logger.warning(
                "this replica could not work either",
                [.problem: "nothing comes from: \(missing.joined(separator: ", "))"])
        }
    }

    func workHangs(_ token: Token) {
        logger.error("work has not ended in time; leaving it behind", [.token: "\(token)"])
    }

    private static func term(_ lease: Lease) -> LogMetadata {
        [.epoch: "\(lease.epoch)", .token: "\(lease.token)"]
    }

    private static func error(_ error: LeaseError) -> LogMetadata {
        [.error: "\(error.message)", .detail: "\(error.detail)", .remedy: "\(error.remedy)"]
    }
}
