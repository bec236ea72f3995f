import LeaderElection
import LocalStack
import RedisClient
import Testing

@testable import ElectionSimulation

/// The simulator proves nothing unless its Redis does what the real scripts do on a real Redis.
@Suite("The model of Redis")
struct ModelTests {
    static let everyWord: Set<String> = [
        "ACQUIRED", "TAKEN", "SUSPECTED", "RENEWED", "GONE", "RESIGNED", "NOT-OURS", "SYNCED", "LATE", "FENCED", "GAP",
        "OK",
        "FAILED", "WRONG-TYPE", "NOT-A-LEASE", "NEWER-FORMAT", "OTHER-DEPLOYMENT", "NO-TTL", "NO-EPOCH-LEFT",
    ]

    @Test("It answers and keeps what the scripts do, whatever they find; and one with a flaw does not")
    func equalsTheScripts() async throws {
        try await LocalRedis.withServer { server in
            let redis = try await Twins.connect(to: server)
            let listener = try await Twins.listen(at: server)
            var words: Set<String> = []
            for seed in 1...20 as ClosedRange<UInt64> {
                let run = try await Self.play(seed, steps: 50, Twins(redis: redis))
                #expect(run.difference == nil, "seed \(seed)")
                words.formUnion(run.words)
            }
            #expect(words == Self.everyWord)
            for mutation in Mutation.allCases where mutation.isOfScripts {
                var isFound = false
                for seed in 1...10 as ClosedRange<UInt64> where !isFound {
                    let run = try await Self.play(seed, steps: 50, Twins(redis: redis, mutation: mutation))
                    isFound = run.difference != nil
                }
                #expect(isFound, "\(mutation.rawValue) makes no difference")
            }
            await listener.close()
            await redis.close()
        }
    }

    /// Does random things to the twins until they differ.
    private static func play(
        _ seed: UInt64, steps: Int, _ twins: Twins
    ) async throws -> (difference: String?, words: Set<String>) {
        var twins = twins
        var script = RandomSteps(seed: seed)
        for number in 1...steps {
            let step = script.next(after: twins.model, clock: try await twins.clock())
            if let difference = try await twins.step(step) {
                return ("step \(number), \(step): \(difference)", twins.words)
            }
        }
        return (nil, twins.words)
    }
}

extension Mutation {
    var isOfScripts: Bool {
        switch self {
        case .fenceOff, .resignWithoutCompare, .epochByIncrement, .renewalWithoutCompare: true
        case .deadlineFromReply, .candidacyDuringWork, .outrankedLeaderStays, .lateTimers: false
        }
    }
}

/// What is asked and done in one run: by a few terms, so that they often meet.
private struct RandomSteps {
    private var chance: Chance
    private let tokens: [Token]
    /// The leases that were ever seen.
    private var leases: [Lease] = []

    init(seed: UInt64) {
        var chance = Chance(seed: seed)
        tokens = (0..<3).map { _ in Token(using: &chance) }
        self.chance = chance
    }

    mutating func next(after model: RedisModel, clock: Int64) -> Twins.Step {
        if let lease = model.lease, !leases.contains(lease) { leases.append(lease) }
        if chance.happens(0.2) { return .byHand(change(model, clock)) }
        let holder = "pod-\(chance.number(in: 1...2))"
        // Most often it is the lease that is there.
        guard let any = leases.randomElement(using: &chance), !chance.happens(0.25) else {
            let suspicion = model.lease.map { Suspicion(term: $0.token, isSilent: chance.happens(0.8)) }
            let request = RedisRequest.acquire(
                tokens[chance.index(below: 3)], floor: floor(clock), suspect: chance.happens(0.5) ? suspicion : nil,
                isHeard: chance.happens(0.7))
            return .ask(request, holder: holder)
        }
        let lease = chance.happens(0.7) ? model.lease ?? any : any
        let sequence = model.fence.sequence ?? 0
        let near = max(0, sequence + chance.number(in: -1...1))
        switch chance.index(below: 8) {
        case 0, 1: return .ask(.renew(lease, isHeard: chance.happens(0.7)), holder: holder)
        case 2: return .ask(.resign(lease), holder: holder)
        case 3: return .ask(.sync(lease, next: near + 1), holder: holder)
        case 4: return .ask(.raise(lease, next: near + 1), holder: holder)
        default:
            let previous = chance.happens(0.7) ? sequence : near
            return .ask(.write(lease, previous: previous, next: previous + 1), holder: holder)
        }
    }

    private mutating func floor(_ clock: Int64) -> Epoch {
        if chance.happens(0.05) { return .max }
        return chance.happens(0.6) ? .zero : Epoch(clock + chance.number(in: -1_000_000...1_000_000_000)) ?? .zero
    }

    private mutating func change(_ model: RedisModel, _ clock: Int64) -> Twins.Change {
        switch chance.index(below: 10) {
        case 0: return .deleteLease
        case 1, 2, 3: return foreignLease(clock)
        case 4: return .persistLease
        case 5: return .letLeaseRunOut
        case 6: return .deleteFence
        case 7: return chance.happens(0.3) ? .replaceFence : .deleteFence
        default:
            var fence = model.fence
            switch chance.index(below: 5) {
            case 0: fence.sequence = chance.number(in: 0...9)
            case 1: fence.sequence = nil
            case 2: fence.token = nil
            case 3: fence.epoch = nil
            default: fence.highest = clock + chance.number(in: -1_000_000...1_000_000_000)
            }
            return .setFence(fence)
        }
    }

    private mutating func foreignLease(_ clock: Int64) -> Twins.Change {
        let token = chance.happens(0.3) ? tokens[chance.index(below: 3)] : Token(using: &chance)
        let epoch = Epoch(clock + chance.number(in: -1_000_000...1_000_000)) ?? .zero
        // Half of them are old enough to be taken over from a silent leader.
        let since = clock / 1000 - (chance.happens(0.5) ? 2 * Twins.ttlMilliseconds : 0)
        func text(format: Int, deployment: String) -> String {
            #"{"since":"\#(since)","token":"\#(token)","holder":"pod-9","epoch":"\#(epoch)","format":\#(format),"#
                + #""deployment":"\#(deployment)","colour":"green"}"#
        }
        let own = text(format: 1, deployment: Twins.deployment)
        let lease = Lease(text: own, epoch: epoch, token: token, holder: "pod-9", sinceMilliseconds: since)
        let hasTTL = chance.happens(0.7)
        switch chance.index(below: 8) {
        case 0:
            let text = text(format: 1, deployment: "other")
            return .setLease(.leaseOfOtherDeployment(lease, deployment: "other"), text: text, hasTTL: hasTTL)
        case 1:
            let text = text(format: 2, deployment: Twins.deployment)
            return .setLease(.leaseOfNewerFormat, text: text, hasTTL: hasTTL)
        case 2: return .setLease(.garbage, text: "garbage", hasTTL: hasTTL)
        case 3: return .setLease(.list, text: "element", hasTTL: hasTTL)
        default: return .setLease(.lease(lease), text: own, hasTTL: hasTTL)
        }
    }
}
