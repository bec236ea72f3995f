import Testing

@testable import CacheRefresh

/// Passes of both scopes in any order, beside a plain list of what was read last of each user.
@Suite("Passes of all rows and of some, by turns")
struct ReadScopeModelTests {
    private struct User: Equatable {
        var name: String
        var phone: Int?
    }

    /// A table that changes at random, and what its leader has read of it.
    private struct World {
        let leader: Leader
        var random: SeededGenerator
        var table: [Int: User] = [:]
        /// Each user as it was last read.
        var known: [Int: User] = [:]
        /// A pass failed half-way, so that nobody knows what was read.
        var isUnsure = true
        var names = 0
        /// A batch was lost, and what was in it may not have been done again yet.
        var isLossy = false
        /// How often the cache was compared after a pass of some rows.
        var comparisons = 0

        init(seed: UInt64) throws {
            leader = try Leader(try Fixture.users(confirmAfter: .zero))
            random = SeededGenerator(seed: seed)
        }

        mutating func change() {
            let id = Int.random(in: 1...12, using: &random)
            names += 1
            switch Int.random(in: 0..<5, using: &random) {
            case 0: table[id] = nil
            case 1:
                let other = Int.random(in: 1...12, using: &random)
                let (mine, theirs) = (table[id]?.phone, table[other]?.phone)
                table[id]?.phone = theirs
                table[other]?.phone = mine
            default:
                // Few phones for so many users, so that several have the same.
                let phone = random.once(in: 5) ? nil : Int.random(in: 100...109, using: &random)
                table[id] = User(name: "N\(names)", phone: phone)
            }
        }

        mutating func pass() {
            let some = random.once(in: 4) || isFirst ? nil : (0..<4).map { _ in Int.random(in: 1...14, using: &random) }
            let ids = table.keys.filter { some?.contains($0) ?? true }.sorted().shuffled(using: &random)
            if random.once(in: 6) {
                let lost = Int.random(in: 0..<3, using: &random)
                var batches = 0
                leader.redis.fate = { _ in
                    batches += 1
                    return batches == lost ? .lost : .answered
                }
            }
            let aborts: [Leader.Abort] = [.afterChunk(1), .afterRead, .afterSettlingBatches(1)]
            let isDone = leader.pass(
                ids.map { "\($0) \(table[$0]!.name) \(table[$0]!.phone.map(String.init) ?? "\\N")" },
                of: some?.map(String.init), chunk: Int.random(in: 1...4, using: &random),
                abort: random.once(in: 12) ? aborts.randomElement(using: &random) : nil)
            leader.redis.fate = { _ in .answered }
            guard isDone else {
                isUnsure = true
                return
            }
            if let some {
                for id in some { known[id] = table[id] }
            } else {
                known = table
                isUnsure = false
            }
            isLossy = isLossy && leader.needsRead || leader.summary.keysFailed > 0
            if leader.hasDueWork { leader.tick() }
            guard !isUnsure else { return }
            compare()
            if some != nil && !leader.needsRead { comparisons += 1 }
        }

        private var isFirst: Bool { !leader.isFirstPassDone }

        private func compare() {
            let users = known.map { id, user in ("user:\(id)", Fixture.json(id, user.name, user.phone.map(String.init)))
            }
            let phones = Dictionary(grouping: known.keys.filter { known[$0]!.phone != nil }) { known[$0]!.phone! }
            let expected = Dictionary(uniqueKeysWithValues: users).merging(
                phones.map { phone, ids in ("phone:\(phone)", "\(ids.min()!)") }, uniquingKeysWith: { $1 })
            if leader.needsRead {
                // A key came free that another row may make: until that is known it is not deleted.
                if !isLossy { #expect(Set(expected.keys).isSubset(of: leader.redis.keys)) }
            } else {
                #expect(leader.redis.contents == expected)
            }
        }
    }

    @Test("leave the cache as a plain model has it", arguments: 1...12 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var world = try World(seed: seed)
        for _ in 0..<400 {
            for _ in 0..<Int.random(in: 0...3, using: &world.random) { world.change() }
            world.pass()
        }
        #expect(world.comparisons > 80)
    }
}
