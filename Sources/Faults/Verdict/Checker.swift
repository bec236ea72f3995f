internal import Drills

/// Judges a history.
///
/// Redis alone decides what was accepted, and in which order; what replicas say of themselves only explains it.
public struct Checker {
    private var verdict = Verdict()
    /// The newest term of the surviving history, by epoch.
    private var newest: UInt64 = 0
    /// The highest epoch that ever was.
    private var highest: UInt64 = 0
    /// The term that holds the lease, or held it last.
    private var current: Int?
    private var indices: [String: Int] = [:]
    /// Who believes to lead, and since when.
    private var beliefs: [String: Duration] = [:]

    private init() {}

    /// - Returns: the terms, what was accepted and refused, and every violation.
    public static func check(_ history: History) -> Verdict {
        var checker = Checker()
        for entry in history.entries { checker.take(entry) }
        for replica in checker.beliefs.keys.sorted() {
            checker.disbelieve(replica, history.entries.last?.at ?? .zero)
        }
        return checker.verdict
    }

    private mutating func take(_ entry: History.Entry) {
        switch entry.event {
        case .redis(let event): take(event, entry.at)
        case .redisResumed(let epoch): resume(epoch)
        case .log(let replica, let line): take(line, of: replica, entry.at)
        case .started: break
        case .ended(let replica, let how): end(replica, how, entry.at)
        case .fault: verdict.faults += 1
        }
    }

    private mutating func take(_ event: RedisEvent, _ at: Duration) {
        switch event {
        case .elected(let election): elect(election, at)
        case .renewed: if let current { verdict.terms[current].until = at }
        case .resigned:
            guard let current else { return }
            verdict.terms[current].until = at
            verdict.terms[current].hasResigned = true
        case .noted(let event, let epoch, let reason):
            if event != "elected" { explain(epoch, reason) }
        case .write(let write): take(write, at)
        case .unfenced(let command, let key, let client):
            report(.unfencedWrite, at, "\(command) \(key) by \(client)")
        case .byHand: break
        }
    }

    // MARK: Terms

    private mutating func elect(_ election: RedisEvent.Election, _ at: Duration) {
        guard indices[election.token] == nil else { return }  // its own lease, taken once more
        if election.epoch <= highest {
            report(.epochNotHigher, at, "\(election.epoch) of \(election.holder) after \(highest)")
        }
        var term = Verdict.Term(
            epoch: election.epoch, token: election.token, holder: election.holder, from: at, until: at)
        term.gap = verdict.terms.last.map { max(.zero, at - $0.until) }
        newest = max(newest, election.epoch)
        highest = max(highest, election.epoch)
        current = verdict.terms.count
        indices[election.token] = verdict.terms.count
        verdict.terms.append(term)
    }

    /// What Redis has forgotten never happened, by its surviving history.
    private mutating func resume(_ epoch: UInt64) {
        newest = epoch
        current = verdict.terms.lastIndex { $0.epoch == epoch }
        if let current { verdict.terms[current].hasResigned = false }
    }

    private mutating func explain(_ epoch: UInt64, _ reason: String) {
        guard let index = verdict.terms.lastIndex(where: { $0.epoch == epoch }), !reason.isEmpty,
            verdict.terms[index].reason == nil
        else { return }
        verdict.terms[index].reason = reason
    }

    private mutating func end(_ replica: String, _ how: String, _ at: Duration) {
        disbelieve(replica, at)
        guard let current, verdict.terms[current].holder == replica, !verdict.terms[current].hasResigned else { return }
        verdict.terms[current].until = at
        explain(verdict.terms[current].epoch, how)
    }

    // MARK: Writes

    private mutating func take(_ write: RedisEvent.Write, _ at: Duration) {
        let index = indices[write.token].flatMap { verdict.terms[$0].epoch == write.epoch ? $0 : nil }
        let isOver = write.epoch < newest || index.map { verdict.terms[$0].hasResigned } ?? false
        switch write.outcome {
        case .accepted:
            verdict.writesAccepted += 1
            let what = "sequence \(write.sequence) of epoch \(write.epoch)"
            guard let index else { return report(.writeOfNoTerm, at, what) }
            verdict.terms[index].writesAccepted += 1
            if write.epoch < newest {
                report(.staleWrite, at, "\(what) (\(verdict.terms[index].holder)) after epoch \(newest)")
            } else if isOver {
                report(.writeAfterResigning, at, "\(what) (\(verdict.terms[index].holder))")
            } else {
                verdict.terms[index].until = at
            }
        case .refused where isOver:
            verdict.staleWritesRefused += 1
            if let index { verdict.terms[index].staleWritesRefused += 1 }
        case .refused, .notRun: verdict.writesOutOfTurn += 1
        }
    }

    private mutating func report(_ rule: Violation.Rule, _ at: Duration, _ detail: String) {
        verdict.violations.append(Violation(rule: rule, at: at, detail: detail))
    }

    // MARK: Beliefs

    private mutating func take(_ line: LogLine, of replica: String, _ at: Duration) {
        switch line.message {
        case "elected": beliefs[replica] = at
        case "leadership lost", "leadership ended":
            disbelieve(replica, at)
            if let epoch = line.epoch, let reason = line.reason { explain(epoch, reason) }
        default: break
        }
    }

    private mutating func disbelieve(_ replica: String, _ at: Duration) {
        guard let since = beliefs.removeValue(forKey: replica) else { return }
        for (other, otherSince) in beliefs {
            let start = max(since, otherSince)
            verdict.overlaps.append(
                Verdict.Overlap(replicas: [replica, other].sorted(), at: start, length: at - start))
        }
    }
}
