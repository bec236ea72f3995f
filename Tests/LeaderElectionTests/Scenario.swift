import LeaderElection

struct ScenarioError: Error, CustomStringConvertible {
    let description: String
}

/// Chance that always chooses the middle of a range, so that scenarios stay readable. Tokens still differ.
struct Halfway: RandomNumberGenerator {
    private var count: UInt64 = 0

    mutating func next() -> UInt64 {
        count += 1
        return 1 << 63 | count
    }
}

/// Plays a text of events, one a line: `MILLISECONDS EVENT key=value…`. Indented lines are what follows; they are
/// written anew.
struct Scenario {
    private var elector: Elector<Halfway>
    private var names: [Token: String] = [:]
    private var acquiring: Token?
    private var renewing: Token?
    private var resigning: Token?
    private var working: Token?

    /// The text with what the elector does below each event.
    static func played(_ text: String) throws -> String {
        var scenario = Scenario(elector: Elector(timing: .standard, randomness: Halfway()))
        var output: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) where !line.hasPrefix(" ") {
            output.append(String(line))
            if line.isEmpty || line.hasPrefix("#") { continue }
            output += try scenario.play(line).map { "    " + $0 }
        }
        return output.joined(separator: "\n")
    }

    private init(elector: Elector<Halfway>) {
        self.elector = elector
    }

    private mutating func play(_ line: Substring) throws -> [String] {
        let words = line.split(separator: " ")
        guard words.count >= 2, let milliseconds = Int64(words[0]) else {
            throw ScenarioError(description: "not a time and an event: \(line)")
        }
        var values: [Substring: Substring] = [:]
        for word in words.dropFirst(2) {
            let pair = word.split(separator: "=")
            guard pair.count == 2, ["epoch", "token", "remaining", "holder"].contains(pair[0]) else {
                throw ScenarioError(description: "unknown value \(word): \(line)")
            }
            values[pair[0]] = pair[1]
        }
        let before = elector.state
        let actions = try happen(words[1], values, at: Moment(sinceOrigin: .milliseconds(milliseconds)))
        var lines = actions.map { describe($0) }
        if elector.state != before { lines.append("= \(elector.state)") }
        return lines.isEmpty ? ["nothing"] : lines
    }

    private mutating func happen(
        _ event: Substring, _ values: [Substring: Substring], at now: Moment
    ) throws -> [ElectionAction] {
        func own(_ usual: Token?) throws -> Token {
            if let name = values["token"] { return names.first { $0.value == name }?.key ?? Token(String(name))! }
            guard let usual else { throw ScenarioError(description: "\(event) of which token?") }
            return usual
        }
        func epoch() throws -> Epoch {
            guard let epoch = values["epoch"].flatMap({ Epoch(String($0)) }) else {
                throw ScenarioError(description: "\(event) needs epoch=NUMBER")
            }
            return epoch
        }
        func lease(_ token: Token) throws -> Lease {
            let epoch = try epoch()
            return Lease(
                text: "\(epoch) \(token)", epoch: epoch, token: token, holder: String(values["holder"] ?? "other"),
                sinceMilliseconds: 0)
        }
        let foreign = Token(String(values["token"] ?? "theirs"))!
        let remaining = Duration.milliseconds(values["remaining"].flatMap { Int64($0) } ?? 3000)
        switch event {
        case "started": return elector.started(at: now)
        case "timer": return elector.timerFired(at: now)
        case "woken": return elector.woken(at: now)
        case "named": return elector.woken(isNamed: true, at: now)
        case "shutdown": return elector.shutdown(at: now)
        case "acquired": return elector.acquireAnswered(.acquired(try lease(own(acquiring))), at: now)
        case "taken": return elector.acquireAnswered(.taken(try lease(foreign), remaining: remaining), at: now)
        case "suspected": return elector.acquireAnswered(.suspected(try lease(foreign), grace: remaining), at: now)
        case "reserved": return elector.acquireAnswered(.reserved(remaining: remaining), at: now)
        case "leaderSilent": return elector.leaderSilent(foreign, at: now)
        case "stepDown": return elector.stepDown(token: try own(working), at: now)
        case "cannotWork": return elector.cannotWork(token: try own(working), at: now)
        case "candidacy-delay":
            elector.candidacyDelay = remaining
            return []
        case "acquireFailed": return elector.acquireAnswered(.failed, at: now)
        case "renewed": return elector.renewAnswered(.renewed, token: try own(renewing), at: now)
        case "renewFailed": return elector.renewAnswered(.failed, token: try own(renewing), at: now)
        case "leaseGone": return elector.renewAnswered(.gone, token: try own(renewing), at: now)
        case "takenOver":
            let answer = RenewAnswer.taken(try lease(foreign), remaining: remaining)
            return elector.renewAnswered(answer, token: try own(renewing), at: now)
        case "resigned": return elector.resignAnswered(.done, token: try own(resigning), at: now)
        case "resignFailed": return elector.resignAnswered(.failed, token: try own(resigning), at: now)
        case "writeRefused": return elector.renewalWanted(token: try own(working), at: now)
        case "stoppedSending": return elector.workStoppedSending(token: try own(working), at: now)
        case "workEnded": return elector.workEnded(token: try own(working), at: now)
        case "observed":
            elector.observed(try epoch())
            return []
        default: throw ScenarioError(description: "unknown event \(event)")
        }
    }

    private mutating func describe(_ action: ElectionAction) -> String {
        switch action {
        case .acquire(let token, let floor, let suspect):
            acquiring = token
            return "acquire \(name(token)) above \(floor)" + (suspect.map { ", suspecting \($0)" } ?? "")
        case .renew(let lease):
            renewing = lease.token
            return "renew \(name(lease.token))"
        case .resign(let lease, let reason):
            resigning = lease.token
            return "resign \(name(lease.token)): \(reason)"
        case .startLeading(let term):
            working = term.token
            return "startLeading \(name(term.token)) epoch \(term.epoch) until \(text(term.deadline))"
        case .termExtended(let deadline):
            return "termExtended until \(text(deadline))"
        case .stopLeading(let term, let reason):
            return "stopLeading \(name(term.token)) epoch \(term.epoch): \(reason)"
        case .waitUntil(let moment):
            return "waitUntil \(text(moment))"
        case .stopped:
            return "stopped"
        }
    }

    /// `t1`, `t2`… in the order of appearance.
    private mutating func name(_ token: Token) -> String {
        if let name = names[token] { return name }
        let name = "t\(names.count + 1)"
        names[token] = name
        return name
    }

    /// Milliseconds, rounded up as a timer would.
    private func text(_ moment: Moment) -> String {
        let (seconds, attoseconds) = moment.sinceOrigin.components
        return String(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
