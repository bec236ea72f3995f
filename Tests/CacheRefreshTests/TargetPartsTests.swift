import Testing

@testable import CacheRefresh

@Suite("Targets of several parts")
struct TargetPartsTests {
    /// Three parts, by the last byte of a key.
    static let three = TargetParts(count: 3) { Int($0.last ?? 0) % 3 }

    private func part(of key: String) -> Int { Self.three.part(of: Array(key.utf8)) }

    @Test("each batch holds keys of its part only, and nothing is lost", arguments: 1...3 as ClosedRange<UInt64>)
    func batches(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var builder = BatchBuilder(Self.three)
        /// What was asked for, and what came out, key by key and in order.
        var asked: [String: [String]] = [:]
        var done: [String: [String]] = [:]
        func collect(_ batch: WriteBatch) {
            #expect(batch.count <= WriteBatch.maximumKeys)
            #expect(batch.byteCount <= WriteBatch.maximumBytes || batch.count == 1)
            var values = batch.arguments.texts[...]
            for (operation, key) in zip(batch.operations, batch.keys.texts) {
                #expect(part(of: key) == batch.part)
                done[key, default: []].append(operation == .delete ? "-" : values.removeFirst())
            }
        }
        for number in 0..<6000 {
            let key = "key:\(Int.random(in: 0..<60, using: &random))"
            if random.once(in: 3) {
                builder.add(Array(key.utf8)) { _ in .delete }
                asked[key, default: []].append("-")
            } else {
                let size = random.once(in: 50) ? 300_000 : random.once(in: 5) ? 20_000 : 10
                let value = "\(number) ".padded(to: size)
                builder.add(Array(key.utf8)) { arguments in
                    arguments.append(value)
                    return .setExisting
                }
                asked[key, default: []].append(value)
            }
            if random.once(in: 40) { while let batch = builder.next() { collect(batch) } }
            if random.once(in: 500) { builder.flush() }
        }
        builder.flush()
        while let batch = builder.next() { collect(batch) }
        #expect(done == asked)
    }

    @Test("what was not handed out is handed back, of all parts")
    func takeBack() {
        var builder = BatchBuilder(Self.three)
        for id in 0..<900 { builder.add(Array("key:\(id)".utf8)) { _ in .delete } }
        let first = builder.next()
        let rest = builder.takeBack()
        #expect(Set(rest.map(\.part)) == [0, 1, 2])
        #expect((rest.map(\.count) + [first?.count ?? 0]).reduce(0, +) == 900)
        let isEmpty = builder.isEmpty && !builder.hasReady
        #expect(isEmpty)
    }

    @Test("a pass writes, renews and deletes the keys of all parts, in few batches")
    func pass() throws {
        let leader = try Leader(try Fixture.users(), parts: Self.three)
        func verify(_ count: Int) {
            #expect(leader.redis.log.count == count)
            for batch in leader.redis.batches {
                #expect(batch.keys.texts.allSatisfy { part(of: $0) == batch.part })
            }
            #expect(Set(leader.redis.batches.map(\.part)) == [0, 1, 2])
            #expect(leader.redis.batches.count <= 3 + count / WriteBatch.maximumKeys)
        }
        leader.pass(Fixture.rows(600), chunk: 600)
        verify(1200)
        leader.advance(.seconds(60))
        leader.tick()
        verify(1200)
        leader.pass(Array(Fixture.rows(600).prefix(400)), chunk: 600)
        verify(400)
        #expect(leader.redis.keys.count == 800)
    }

    @Test("the cache is right, whatever happened", arguments: 1...4 as ClosedRange<UInt64>, Dataset.WriteMode.allCases)
    func simulation(seed: UInt64, mode: Dataset.WriteMode) throws {
        var simulation = try Simulation(.init(mode: mode, seed: seed, parts: Self.three))
        try simulation.run()
        #expect(simulation.violations == [])
    }
}

extension String {
    fileprivate func padded(to size: Int) -> String { self + String(repeating: "x", count: max(0, size - utf8.count)) }
}
