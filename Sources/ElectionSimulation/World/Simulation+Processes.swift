import LeaderElection

/// How processes begin and end.
extension Simulation {
    mutating func boot(_ replica: Int) {
        guard replicas[replica].elector == nil else { return }
        replicas[replica].elector = Elector(timing: timing, randomness: Chance(seed: chance.next()))
        replicas[replica].incarnation = newSerial()
        replicas[replica].pausedUntil = now
        replicas[replica].hinderedUntil = .min
        replicas[replica].heldBack = 0
        replicas[replica].timer = 0
        replicas[replica].leaseServer = home
        replicas[replica].batchServer = home
        replicas[replica].lastDeparture = now
        replicas[replica].lastArrivals = [now, now, now]
        replicas[replica].highestEpochSeen = .zero
        replicas[replica].hasStopped = false
        note(replica, "starts")
        tell(replica) { $0?.started(at: $1) }
    }

    mutating func exitIfDone(_ replica: Int) {
        guard replicas[replica].hasStopped, replicas[replica].works.isEmpty else { return }
        exit(replica, replicas[replica].incarnation)
    }

    mutating func exit(_ replica: Int, _ incarnation: Int) {
        guard replicas[replica].incarnation == incarnation, replicas[replica].elector != nil else { return }
        note(replica, "has ended")
        replicas[replica].elector = nil
        replicas[replica].belief = nil
        replicas[replica].works = []
        agenda.add(.boot(replica: replica), at: within(.seconds(4)))
    }

    mutating func pause(_ replica: Int, for length: Microseconds) {
        let until = min(now + length, plan.end)
        note(replica, "is paused until \(Trace.seconds(until))")
        replicas[replica].pausedUntil = max(replicas[replica].pausedUntil, until)
        // What was put off till then is handled within two milliseconds.
        let end = replicas[replica].pausedUntil + .milliseconds(3)
        replicas[replica].hinderedUntil = replicas[replica].clock.reading(at: end)
    }

    mutating func jumpClock(of replica: Int, by distance: Microseconds) {
        note(replica, "sees its clock jump by \(Trace.seconds(distance))")
        replicas[replica].clock.jump(by: distance)
        let end = max(now, replicas[replica].pausedUntil) + .milliseconds(3)
        replicas[replica].hinderedUntil = replicas[replica].clock.reading(at: end)
        if replicas[replica].timer != 0 { setTimer(replica) }
    }

    /// A connection is made anew, and reaches the server that has the lease now.
    mutating func reconnect(_ replica: Int, isLease: Bool) {
        if isLease { replicas[replica].leaseServer = home } else { replicas[replica].batchServer = home }
    }
}
