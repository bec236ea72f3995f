import LeaderElection

/// How requests reach Redis and answers come back: late, twice, in another order, or not at all.
extension Simulation {
    /// Decides to send something about the lease; it leaves a little later, or much later if the process is paused
    /// before.
    mutating func send(_ request: RedisRequest, by replica: Int) {
        post(request, by: replica, to: replicas[replica].leaseServer)
    }

    /// The same for what concerns the fence.
    mutating func send(_ request: RedisRequest, of chain: Work.Chain, by replica: Int) {
        let server =
            switch chain.target {
            case .home: replicas[replica].batchServer
            case .other: Simulation.otherServer
            }
        post(request, by: replica, to: server, chainNumber: chain.number)
    }

    private mutating func post(_ request: RedisRequest, by replica: Int, to server: Int, chainNumber: Int = 0) {
        letters.append(
            Letter(
                replica: replica, incarnation: replicas[replica].incarnation, request: request, server: server,
                askedAt: reading(replica), writtenAt: now, chainNumber: chainNumber))
        let departure = max(replicas[replica].lastDeparture, now + chance.number(in: 0...200))
        replicas[replica].lastDeparture = departure
        agenda.add(.leave(letter: letters.count - 1), at: departure)
    }

    mutating func leave(_ letter: Int) {
        let (replica, server) = (letters[letter].replica, letters[letter].server)
        guard isUnderstood(letter), !isPaused(replica, .leave(letter: letter)) else { return }
        agenda.add(.timeout(letter: letter), at: timeout(of: letter))
        if !servers[server].isUp, chance.happens(0.5) {
            // Refused at once, for nobody listens.
            agenda.add(.timeout(letter: letter), at: now + chance.number(in: 50...1000))
            return
        }
        if replicas[replica].requestsCutUntil > now || isLost() { return }
        agenda.add(.arrive(letter: letter), at: arrival(of: letter))
        if !isHealthy, chance.happens(plan.repeated) {
            agenda.add(.arrive(letter: letter), at: now + delay() + chance.number(in: 0...plan.slowness))
        }
    }

    mutating func arrive(_ letter: Int) {
        guard !isForgotten(letter) else { return }
        let server = letters[letter].server
        guard servers[server].isUp else { return }
        guard servers[server].stalledUntil <= now else {
            agenda.add(.arrive(letter: letter), at: servers[server].stalledUntil + chance.number(in: 0...2000))
            return
        }
        let answer = serve(letters[letter])
        guard letters[letter].answer == nil else { return }
        letters[letter].answer = answer
        if replicas[letters[letter].replica].answersCutUntil > now || isLost() { return }
        agenda.add(.answer(letter: letter), at: now + delay())
    }

    mutating func answer(_ letter: Int) {
        guard isUnderstood(letter), !isForgotten(letter) else { return }
        guard !isPaused(letters[letter].replica, .answer(letter: letter)) else { return }
        settle(letter, letters[letter].answer)
    }

    mutating func timeOut(_ letter: Int) {
        guard isUnderstood(letter), !isPaused(letters[letter].replica, .timeout(letter: letter)) else { return }
        settle(letter, nil)
    }

    private mutating func settle(_ letter: Int, _ answer: RedisAnswer?) {
        letters[letter].isSettled = true
        switch letters[letter].request {
        case .acquire, .renew, .resign: leaseAnswered(letters[letter], answer)
        case .sync, .raise, .write: workAnswered(letters[letter], answer)
        }
    }

    /// Whether the process that asked still waits.
    private func isUnderstood(_ letter: Int) -> Bool {
        !letters[letter].isSettled && replicas[letters[letter].replica].incarnation == letters[letter].incarnation
            && replicas[letters[letter].replica].elector != nil
    }

    /// A network without faults does not deliver what it was given long ago.
    private func isForgotten(_ letter: Int) -> Bool {
        isHealthy && letters[letter].writtenAt < plan.end && now > plan.end + Simulation.deliveryOfOldLetters
    }

    private func timeout(of letter: Int) -> Microseconds {
        let replica = letters[letter].replica
        let patience: Microseconds =
            switch letters[letter].request {
            case .acquire, .renew, .resign: Microseconds(roundingUp: timing.renewTimeout)
            case .sync, .raise, .write: .seconds(2)
            }
        return replicas[replica].clock.time(showing: reading(replica) + patience)
    }

    private mutating func isLost() -> Bool { !isHealthy && chance.happens(plan.lost) }

    /// When a letter arrives: in the order of sending, except for those that overtake.
    private mutating func arrival(of letter: Int) -> Microseconds {
        let time = now + delay()
        let (replica, server) = (letters[letter].replica, letters[letter].server)
        // Renewals have a connection of their own.
        if letters[letter].isAboutLease || (!isHealthy && chance.happens(plan.reordered)) { return time }
        let arrival = max(time, replicas[replica].lastArrivals[server])
        replicas[replica].lastArrivals[server] = arrival
        return arrival
    }

    private mutating func delay() -> Microseconds {
        let isSlow = !isHealthy && chance.happens(plan.slow)
        return chance.number(in: 50...(isSlow ? plan.slowness : 1500))
    }
}
