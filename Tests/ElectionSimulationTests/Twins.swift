import LeaderElection
import LocalStack
import Logging
import NIOPosix
import RedisClient

@testable import ElectionSimulation
@testable import GroupState

/// A group's keys twice: on a real Redis, where the real scripts change them, and in the model. Each step is done to
/// both, and what they answer and what they keep is compared.
struct Twins {
    static let deployment = "7012345678901234567/app/test"
    static let ttlMilliseconds: Int64 = 60_000
    /// A channel that somebody listens to.
    static let heardChannel = "heard"

    let redis: RedisConnection
    let keys = GroupKeys(prefix: "", group: "twins")
    /// Where batches are written.
    let cached = "cached"
    var model: RedisModel
    /// The first words of all answers.
    private(set) var words: Set<String> = []

    init(redis: RedisConnection, mutation: Mutation? = nil) async throws {
        self.redis = redis
        model = RedisModel(mutation: mutation)
        try await send("FLUSHALL")
    }

    static func connect(to server: LocalRedis) async throws -> RedisConnection {
        try await RedisConnection.connect(
            configuration(of: server), eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: quiet)
    }

    /// Somebody who listens to ``heardChannel``, from now on.
    static func listen(at server: LocalRedis) async throws -> RedisSubscription {
        let client = RedisClient(
            try configuration(of: server), eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: quiet)
        let subscription = client.subscribe(to: [heardChannel])
        for await case .subscribed in subscription { break }
        return subscription
    }

    private static let quiet = Logger(label: "twins") { _ in SwiftLogNoOpLogHandler() }

    private static func configuration(of server: LocalRedis) throws -> RedisConfiguration {
        RedisConfiguration(url: try RedisURL(server.url), connectTimeout: .seconds(20), commandTimeout: .seconds(20))
    }

    /// Does the same to both.
    ///
    /// - Returns: how they differ afterwards; nil if they don't.
    mutating func step(_ step: Step) async throws -> String? {
        switch step {
        case .ask(let request, let holder):
            let before = try await clock()
            let answer = try await real(request, holder)
            let caller = Caller(
                holder: holder, deployment: Twins.deployment, ttlMilliseconds: Twins.ttlMilliseconds)
            let now = try answer.words.first == "ACQUIRED" ? grantedAt(answer, before) : before
            let expected = model.run(request, by: caller, clock: now)
            words.insert(answer.words[0])
            guard answer.text == expected.text else { return "\(answer.text) instead of \(expected.text)" }
            switch expected {
            case .taken(_, let left), .suspected(_, let left):
                if !isClose(left, answer.left) { return "\(answer.left) ms left instead of \(left)" }
            default: break
            }
        case .byHand(let change):
            try await byHand(change)
        }
        return try await difference()
    }

    /// The model is told the time at which Redis did it, which the answer shows.
    private func grantedAt(_ answer: Answer, _ before: Int64) throws -> Int64 {
        guard let epoch = Int64(answer.words[2]), let since = Int64(answer.words[3]) else { return before }
        // An epoch that is taken from the clock shows it to the microsecond.
        if epoch / 1000 == since { return epoch }
        return since * 1000 >= before - 1000 ? since * 1000 : before
    }

    // MARK: Comparing

    private func difference() async throws -> String? {
        let now = try await clock()
        let fence = try await send("HMGET", keys.fence, "epoch", "token", "sequence", "highest", mayFail: true)
        let realFence = fence?.array?.map { $0.string ?? "-" } ?? ["text"]
        if realFence != modelFence { return "the fence is \(realFence) instead of \(modelFence)" }
        let text = try await send("GET", keys.lease, mayFail: true)?.string
        let type = try await send("TYPE", keys.lease)?.string ?? ""
        var model = model
        model.expire(atMilliseconds: now / 1000)
        switch (type, model.leaseKey?.value) {
        case ("none", nil), ("list", .list): break
        case ("string", .lease(let lease)) where lease.text == text: break
        case ("string", .leaseOfOtherDeployment), ("string", .leaseOfNewerFormat), ("string", .garbage): break
        default: return "the lease is a \(type), \(text ?? "-"), instead of \(model.leaseKey.debugDescription)"
        }
        let left = try await send("PTTL", keys.lease)?.int ?? 0
        let expected = model.leaseKey.map { key in key.lastMillisecond.map { $0 - now / 1000 } ?? -1 } ?? -2
        guard isClose(left, expected), left < 0 ? left == expected : true else {
            return "the lease has \(left) ms left instead of \(expected)"
        }
        let batch = try await send("GET", cached)?.string
        let modelBatch = model.lastBatch.map { "\($0.token) \($0.sequence)" }
        return batch == modelBatch ? nil : "\(batch ?? "-") was written instead of \(modelBatch ?? "-")"
    }

    private var modelFence: [String] {
        guard model.fenceKey != .text else { return ["text"] }
        let fence = model.fence
        return [fence.epoch?.description, fence.token, fence.sequence?.description, fence.highest?.description]
            .map { $0 ?? "-" }
    }

    /// The machine may be busy between two looks.
    private func isClose(_ left: Int64, _ right: Int64) -> Bool { abs(left - right) < 20_000 }

    // MARK: Redis

    /// Its wall clock, in microseconds.
    func clock() async throws -> Int64 {
        let time = try await send("TIME")?.array?.compactMap(\.int) ?? []
        return time[0] * 1_000_000 + time[1]
    }

    @discardableResult
    private func send(_ words: String..., mayFail: Bool = false) async throws -> RedisValue? {
        do throws(RedisError) {
            return try await redis.send(RedisCommand(words))
        } catch {
            if mayFail, error.serverError != nil { return nil }
            throw error
        }
    }

    private func real(_ request: RedisRequest, _ holder: String) async throws -> Answer {
        let call: ScriptCall
        switch request {
        case .acquire(let token, let floor, let suspicion, let isHeard):
            call = ScriptCall(
                script: ElectionScript.acquire,
                keys: [keys.lease, keys.fence, keys.events, keys.suspect, keys.requests],
                arguments: [
                    holder, "\(token)", "\(Twins.ttlMilliseconds)", "\(floor)", Twins.deployment, keys.elected,
                    isHeard ? "1" : "0", suspicion.map { "\($0.term)" } ?? "",
                    suspicion.map { $0.isSilent ? keys.live($0.term) : Twins.heardChannel } ?? "",
                    "\(RedisModel.graceMicroseconds / 1000)",
                ])
        case .renew(let lease, let isHeard):
            call = ScriptCall(
                script: ElectionScript.renew, keys: [keys.lease, keys.fence, keys.suspect, keys.requests],
                arguments: [
                    lease.text, "\(Twins.ttlMilliseconds)", Twins.deployment, "\(lease.epoch)", "\(lease.token)",
                    isHeard ? "1" : "0",
                ])
        case .resign(let lease):
            call = ScriptCall(
                script: ElectionScript.resign, keys: [keys.lease, keys.fence, keys.events, keys.requests],
                arguments: [
                    lease.text, "\(lease.epoch)", "\(lease.token)", holder, "test", keys.released, "", "0",
                ])
        case .sync(let lease, let next):
            call = FenceSync.atLease(keys, lease, next: next, deployment: Twins.deployment)
        case .raise(let lease, let next):
            call = FenceSync.atTarget(keys, lease, next: next)
        case .write(let lease, let previous, let next):
            call = ScriptCall(
                script: WriteScript.script, keys: [keys.fence, cached],
                arguments: [
                    "\(lease.epoch)", "\(lease.token)", "\(previous)", "\(next)", "S", "\(lease.token) \(next)",
                    "90000",
                ])
        }
        do throws(RedisError) {
            return Answer(try await redis.run(call))
        } catch {
            guard error.serverError != nil else { throw error }
            return Answer(words: ["FAILED"])
        }
    }

    // MARK: By hand

    private mutating func byHand(_ change: Change) async throws {
        let now = try await clock() / 1000
        model.expire(atMilliseconds: now)
        switch change {
        case .deleteLease:
            try await send("DEL", keys.lease)
            model.leaseKey = nil
        case .setLease(let value, let text, let hasTTL):
            try await send("DEL", keys.lease)
            if value == .list {
                try await send("LPUSH", keys.lease, text)
            } else {
                try await send("SET", keys.lease, text)
            }
            if hasTTL { try await send("PEXPIRE", keys.lease, "50000") }
            model.leaseKey = RedisModel.LeaseKey(value, lastMillisecond: hasTTL ? now + 50_000 : nil)
        case .persistLease:
            try await send("PERSIST", keys.lease)
            model.leaseKey?.lastMillisecond = nil
        case .letLeaseRunOut:
            try await send("PEXPIRE", keys.lease, "1")
            try await Task.sleep(for: .milliseconds(4))
            model.leaseKey?.lastMillisecond = now + 1
        case .deleteFence:
            try await send("DEL", keys.fence)
            model.fenceKey = nil
        case .replaceFence:
            try await send("SET", keys.fence, "text")
            model.fenceKey = .text
        case .setFence(let fence):
            try await send("DEL", keys.fence)
            let fields = [
                ("epoch", fence.epoch?.description), ("token", fence.token), ("sequence", fence.sequence?.description),
                ("highest", fence.highest?.description),
            ]
            for case (let name, let value?) in fields { try await send("HSET", keys.fence, name, value) }
            model.fenceKey = fence == RedisModel.Fence() ? nil : .hash(fence)
        }
    }
}

extension Twins {
    enum Step {
        case ask(RedisRequest, holder: String)
        case byHand(Change)
    }

    /// What somebody may do to the keys.
    enum Change {
        case deleteLease
        case setLease(RedisModel.LeaseValue, text: String, hasTTL: Bool)
        case persistLease
        case letLeaseRunOut
        case deleteFence
        case replaceFence
        case setFence(RedisModel.Fence)
    }

    /// What a script answered.
    struct Answer {
        let words: [String]

        init(words: [String]) { self.words = words }

        /// The requests that a renewal tells are not part of the model.
        init(_ value: RedisValue) { words = (value.array ?? []).map { $0.string ?? "" } }

        /// Of a lease that is somebody else's.
        var left: Int64 { ["TAKEN", "SUSPECTED"].contains(words[0]) ? Int64(words[2]) ?? -1 : -1 }

        /// What must be equal.
        var text: String {
            switch words[0] {
            case "TAKEN", "SUSPECTED": (words[0...1] + words[3...]).joined(separator: " ")
            case "NOT-A-LEASE", "NEWER-FORMAT", "NO-TTL", "NO-EPOCH-LEFT", "OK": words[0]
            case "WRONG-TYPE": "\(words[0]) \(words[3])"
            case "OTHER-DEPLOYMENT": "\(words[0]) \(words[2])"
            case "ACQUIRED", "RENEWED": words.prefix(4).joined(separator: " ")
            default: words.joined(separator: " ")
            }
        }
    }
}

extension RedisAnswer {
    /// As the scripts say it.
    fileprivate var text: String {
        switch self {
        case .acquired(let lease): "ACQUIRED \(lease.text) \(lease.epoch) \(lease.sinceMilliseconds)"
        case .taken(let lease, _):
            "TAKEN \(lease.text) \(lease.epoch) \(lease.token) \(lease.holder) \(lease.sinceMilliseconds)"
        case .suspected(let lease, _):
            "SUSPECTED \(lease.text) \(lease.epoch) \(lease.token) \(lease.holder) \(lease.sinceMilliseconds)"
        case .renewed(let fence): "RENEWED \(fence.text)"
        case .gone: "GONE"
        case .resigned: "RESIGNED"
        case .notOurs: "NOT-OURS"
        case .synced(let fence): "SYNCED \(fence.text)"
        case .late(let sequence): "LATE \(sequence)"
        case .fenced(let epoch, let token): "FENCED \(epoch?.description ?? "") \(token)"
        case .gap(let sequence): "GAP \(sequence?.description ?? "")"
        case .written: "OK"
        case .failed: "FAILED"
        case .refused(.leaseOfWrongType): "WRONG-TYPE string"
        case .refused(.fenceOfWrongType): "WRONG-TYPE hash"
        case .refused(.notALease): "NOT-A-LEASE"
        case .refused(.newerFormat): "NEWER-FORMAT"
        case .refused(.otherDeployment(let deployment)): "OTHER-DEPLOYMENT \(deployment)"
        case .refused(.noTTL): "NO-TTL"
        case .refused(.noEpochLeft): "NO-EPOCH-LEFT"
        }
    }
}

extension RedisModel.Fence {
    fileprivate var text: String { "\(epoch?.description ?? "") \(token ?? "") \(sequence?.description ?? "")" }
}
