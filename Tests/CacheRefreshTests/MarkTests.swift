import Testing

@testable import CacheRefresh

@Suite("Marks")
struct MarkTests {
    @Test(
        "are written and read back",
        arguments: [
            Fixture.mark(7, fingerprint: "00ff"),
            Fixture.mark(.max, Fixture.history(isStandby: true, at: .max)),
            Fixture.mark(0, ServerHistory.of(database: "my odd %20 d\u{301}atabase\" 'é")),
            Fixture.mark(0, ServerHistory.of(database: "")),
            Fixture.mark(0, ServerHistory.of(database: "\u{301} begins with a combining mark")),
            Fixture.mark(0, ServerHistory.of(database: ""), tables: [16384, 7, .max]),
        ])
    func roundTrip(mark: Mark) {
        #expect(Mark("\(mark)") == mark)
    }

    /// What a version has ever left in Redis is read by all later ones that say the same number.
    @Test("look like this in Redis, and may have more words some day")
    func fixture() {
        let text = "2 7 00ff 7412 1795822195064594 1 primary 16/B374D848 app"
        let mark = Fixture.mark(7, Fixture.history(at: 0x16_B374_D848), fingerprint: "00ff")
        #expect("\(mark)" == text)
        #expect(Mark(text + " more") == mark)
        let filtered = Fixture.mark(7, mark.history, fingerprint: "00ff", tables: [16390, 16384])
        #expect("\(filtered)" == text + " 16384,16390")
        #expect(Mark(text + " 16384,16390 more") == filtered)
    }

    @Test(
        "of other formats say nothing",
        arguments: [
            "", "x", "1 7 7412/app/1 00ff", "2 7 00ff", "2 x 00ff 7412 1 1 primary 0/1 app",
            "3 7 00ff 7412 1 1 primary 0/1 app", "2 -1 00ff 7412 1 1 primary 0/1 app",
            "2 7 00ff 7412 1 1 primary 1 app", "2 7 00ff 7412 1 1 other 0/1 app", "2 7 00ff 7412 1 x primary 0/1 app",
        ])
    func foreign(text: String) {
        #expect(Mark(text) == nil)
    }

    // MARK: Belief

    @Test("are believed of the same server, from where they are on")
    func believed() {
        let mark = Fixture.mark(100)
        func verdict(_ history: ServerHistory, horizon: UInt64 = 100, fingerprint: String = "f") -> Mark.Verdict {
            mark.verdict(at: Fixture.snapshot(history, horizon: horizon), fingerprint: fingerprint)
        }
        #expect(verdict(Fixture.history()) == .fits)
        #expect(verdict(Fixture.history(at: 5000), horizon: 200) == .fits)
        #expect(verdict(Fixture.history(), fingerprint: "g") == .otherDefinition)
        #expect(verdict(Fixture.history(at: 999)) == .otherHistory)
        #expect(verdict(Fixture.history(), horizon: 99) == .otherHistory)
        #expect(verdict(Fixture.history(start: 1, at: 5000)) == .otherHistory)
        #expect(verdict(Fixture.history(timeline: 2, at: 5000)) == .otherHistory)
        #expect(verdict(Fixture.history(isStandby: true, at: 5000)) == .otherHistory)
        #expect(verdict(ServerHistory.of(database: "other")) == .otherHistory)
        #expect(verdict(Fixture.history(), horizon: 100 + (1 << 30) - 1) == .fits)
        #expect(verdict(Fixture.history(), horizon: 100 + 1 << 30) == .tooOld)
    }

    // MARK: When they are written

    private static let safe = Fixture.snapshot(horizon: .max)

    @Test("wait for the repetitions that were queued before them")
    func waits() {
        var keeper = MarkKeeper()
        #expect(keeper.due(done: 0, snapshot: Self.safe, at: .zero) == nil)
        keeper.passed(Fixture.mark(1), repetition: 3)
        #expect(keeper.due(done: 2, snapshot: Self.safe, at: .zero) == nil)
        #expect(keeper.due(done: 3, snapshot: Self.safe, at: .zero) == Fixture.mark(1))
        #expect(keeper.due(done: 3, snapshot: Self.safe, at: .zero) == nil)
    }

    @Test("wait until a crash can't take back what they stand for")
    func durable() {
        var keeper = MarkKeeper()
        keeper.passed(Fixture.mark(7), repetition: 0)
        var snapshot = Fixture.snapshot(Fixture.history(at: 2000), horizon: 8)
        snapshot.durable = WALPosition(bytes: 999)
        #expect(keeper.due(done: 0, snapshot: snapshot, at: .zero) == nil)
        #expect(keeper.reached == Fixture.mark(7), "for this leader the first one serves at once")
        // The ids of the transactions that were lost are handed out again.
        #expect(keeper.due(done: 0, snapshot: Fixture.snapshot(horizon: 6), at: .zero) == nil)
        #expect(keeper.due(done: 0, snapshot: Fixture.snapshot(Fixture.history(start: 1)), at: .zero) == nil)
        snapshot.durable = WALPosition(bytes: 1000)
        #expect(keeper.due(done: 0, snapshot: snapshot, at: .zero) == Fixture.mark(7))
    }

    @Test("of another history or definition replace those before at once")
    func replaced() {
        var keeper = MarkKeeper()
        keeper.passed(Fixture.mark(7), repetition: 0)
        #expect(keeper.due(done: 0, snapshot: Self.safe, at: .zero) != nil)
        let others = [Fixture.mark(7, Fixture.history(start: 1)), Fixture.mark(7, fingerprint: "g")]
        for other in others {
            keeper.passed(Fixture.mark(7), repetition: 1)  // waits for what never comes
            keeper.passed(other, repetition: 0)
            let snapshot = Fixture.snapshot(other.history)
            #expect(keeper.due(done: 0, snapshot: snapshot, at: .seconds(1)) == other)
        }
    }

    @Test("are not starved by passes that keep finding changes")
    func steady() {
        var keeper = MarkKeeper()
        var written: [UInt64] = []
        for second in 1...20 {
            keeper.passed(Fixture.mark(UInt64(second)), repetition: UInt64(second))
            let due = keeper.due(done: UInt64(max(0, second - 2)), snapshot: Self.safe, at: .seconds(second))
            if let due {
                #expect(due.horizon <= UInt64(max(0, second - 2)))
                written.append(due.horizon)
            }
        }
        #expect(written.count >= 6)
        #expect(written == written.sorted())
    }

    @Test("that are only out of date are moved on once a minute")
    func idle() {
        var keeper = MarkKeeper()
        var written: [UInt64] = []
        for second in 1...200 {
            keeper.passed(Fixture.mark(UInt64(second)), repetition: 5)
            if let due = keeper.due(done: 5, snapshot: Self.safe, at: .seconds(second)) { written.append(due.horizon) }
        }
        #expect(written.count == 4)
        #expect(written.last! >= 178)
    }

    @Test("tell how far nobody need look back, written or not")
    func reached() {
        var keeper = MarkKeeper()
        for second in 1...10 {
            keeper.passed(Fixture.mark(UInt64(second)), repetition: 0)
            _ = keeper.due(done: 0, snapshot: Self.safe, at: .seconds(second))
            #expect(keeper.reached == Fixture.mark(UInt64(second)))
        }
        // With repetitions it lags behind, by no more than twice their delay.
        for second in 11...100 {
            keeper.passed(Fixture.mark(UInt64(second)), repetition: UInt64(second))
            _ = keeper.due(done: UInt64(second - 5), snapshot: Self.safe, at: .seconds(second))
            #expect((second - 11...second - 5).contains(Int(keeper.reached?.horizon ?? 0)) || second < 22)
        }
    }

    @Test("that were lost are written again")
    func lost() {
        var keeper = MarkKeeper()
        keeper.passed(Fixture.mark(1), repetition: 0)
        #expect(keeper.due(done: 0, snapshot: Self.safe, at: .zero) == Fixture.mark(1))
        keeper.lost()
        #expect(keeper.due(done: 0, snapshot: Self.safe, at: .zero) == Fixture.mark(1))
        keeper.lost()
        keeper.passed(Fixture.mark(2), repetition: 0)
        #expect(keeper.due(done: 0, snapshot: Self.safe, at: .zero) != nil)
    }

    // MARK: Definitions

    /// A mark outlives the program that wrote it: were this text another one in the next version, each cache in mode
    /// `invalidate` would be emptied by the upgrade.
    @Test("name a definition by the same text in all versions")
    func definition() throws {
        let users = try Fixture.users(mode: .invalidate)
        #expect(
            users.definition
                == "5:table,5:users,7:without,7:without,8:identity,2:id,4:keys,9:user:{id},3:row,13:phone:{phone},"
                + "6:column,2:id,2:as,4:json,4:mode,10:invalidate")
        #expect("\(users.fingerprint(with: ["id 23 -1", "relation:16384:r:16384"]))" == "5fc78662ad45b953")
        let query = Dataset(
            name: "q", source: .query("select 1 as id"), identity: ["id"], keys: users.keys, format: .hash,
            mode: .existing)
        #expect(
            query.definition
                == "5:query,14:select 1 as id,8:identity,2:id,4:keys,9:user:{id},3:row,13:phone:{phone},6:column,2:id,"
                + "2:as,4:hash,4:mode,8:existing")
        #expect("\(query.fingerprint(with: []))" == "853f994f0db559dd")
    }

    @Test("tell definitions apart that have the same words")
    func definitions() throws {
        func dataset(_ name: String, where condition: String? = nil, filter: String? = nil) throws -> Dataset {
            Dataset(
                name: "t", source: .table(name, where: condition, filter: filter), identity: ["id"],
                keys: try Fixture.users().keys)
        }
        let all = [
            try dataset("t"), try dataset("t", where: "a"), try dataset("t", filter: "a"), try dataset("t", where: ""),
            try dataset("t", where: "with", filter: "a"), try dataset("t", where: "a,4:with"),
        ]
        #expect(Set(all.map(\.definition)).count == all.count)
    }
}

extension ServerHistory {
    fileprivate static func of(database: String) -> ServerHistory {
        var history = Fixture.history()
        history.database = database
        return history
    }
}
