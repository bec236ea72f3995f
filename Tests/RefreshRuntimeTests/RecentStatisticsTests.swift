import Testing

@testable import GroupState
@testable import RefreshRuntime

@Suite("The last minute of a dataset")
struct RecentStatisticsTests {
    @Test("holds what happened within it, and rates over as much of it as there was")
    func lastMinute() {
        var statistics = RecentStatistics()
        let empty = statistics.statistics(at: .seconds(1000))
        #expect(empty.passes == 0 && empty.passMilliseconds == nil && empty.queriesPerSecond == 0)
        for second in 1000..<1020 {
            statistics.add(.init(passes: .init(.milliseconds(second == 1007 ? 220 : 20))), at: .seconds(second))
            statistics.add(.init(intervals: .init(.seconds(1))), at: .seconds(second))
            statistics.add(.init(queries: 7), at: .seconds(second))
            statistics.add(.init(failures: second % 2, writes: 100), at: .seconds(second))
        }
        let first = statistics.statistics(at: .seconds(1020))
        #expect(first.passes == 20 && first.failures == 10)
        #expect(first.passMilliseconds == 30 && first.longestPassMilliseconds == 220)
        #expect(first.intervalMilliseconds == 1000 && first.longestIntervalMilliseconds == 1000)
        #expect(first.queriesPerSecond == 7 && first.writesPerSecond == 100)
        // Half of it is more than a minute ago, the slow pass included.
        let later = statistics.statistics(at: .milliseconds(1_069_500))
        #expect(later.passes == 10 && later.longestPassMilliseconds == 20)
        #expect(later.writesPerSecond == 1000.0 / 60)
        let latest = statistics.statistics(at: .seconds(5000))
        #expect(latest.passes == 0 && latest.intervalMilliseconds == nil && latest.writesPerSecond == 0)
    }

    @Test("a second that comes round again begins anew")
    func wrapping() {
        var statistics = RecentStatistics()
        statistics.add(.init(queries: 1000), at: .seconds(7))
        statistics.add(.init(queries: 60), at: .seconds(67))
        #expect(statistics.statistics(at: .seconds(67)).queriesPerSecond == 1)
    }

    @Test("travels as text, and what is no such text is none")
    func text() throws {
        let statistics = GroupStatistics(
            epoch: "1795253980057128",
            entries: [
                .init(
                    dataset: "users",
                    statistics: DatasetStatistics(
                        passes: 60, passMilliseconds: 12.344, longestPassMilliseconds: 50,
                        intervalMilliseconds: 1000.5, longestIntervalMilliseconds: 1200, queriesPerSecond: 7.25,
                        writesPerSecond: 0, failures: 2, problem: "PostgreSQL says \"no\": null")),
                .init(
                    dataset: "true",
                    statistics: DatasetStatistics(
                        passes: 0, passMilliseconds: nil, longestPassMilliseconds: nil, intervalMilliseconds: nil,
                        longestIntervalMilliseconds: nil, queriesPerSecond: 1, writesPerSecond: 0, failures: 0)),
            ])
        #expect(
            statistics.text.hasPrefix(
                #"{"format":1,"epoch":"1795253980057128","datasets":{"true":{"passes":0,"passMilliseconds":null,"#))
        var expected = statistics.entries[1].statistics
        expected.passMilliseconds = 12.34
        let kept = try #require(GroupStatistics(statistics.text.utf8))
        #expect(kept.epoch == statistics.epoch)
        #expect(kept.entries == [statistics.entries[0], .init(dataset: "users", statistics: expected)])
        for garbage in ["", "x", "[]", "{}", #"{"format":2,"epoch":"1","datasets":{}}"#, #"{"format":1,"epoch":1}"#] {
            #expect(GroupStatistics(garbage.utf8) == nil)
        }
        #expect(GroupStatistics(#"{"format":1.5,"epoch":"1","datasets":{},"new":1}"#.utf8)?.entries == [])
        func read(_ passes: String) -> GroupStatistics? {
            GroupStatistics(
                (#"{"format":1,"epoch":"1","datasets":{"a":{"passes":\#(passes),"databaseQueriesPerSecond":0,"#
                    + #""redisWritesPerSecond":0,"failures":0}}}"#).utf8)
        }
        #expect(read("7")?.entries.first?.statistics.passes == 7)
        for figure in ["\"x\"", "[]", "null", "-1", "0.5", "1e300", "1e9999", "NaN"] {
            #expect(read(figure) == nil, "\(figure)")
        }
    }

    @Test("is shown in a table of at most 80 columns")
    func table() {
        let statistics = DatasetStatistics(
            passes: 60, passMilliseconds: 0.44, longestPassMilliseconds: 1234, intervalMilliseconds: 1000,
            longestIntervalMilliseconds: 1200, queriesPerSecond: 7.25, writesPerSecond: 123_456, failures: 0)
        let table = GroupStatistics(epoch: "1", entries: [.init(dataset: "merchants", statistics: statistics)]).table
        #expect(
            table == [
                "DATASET    PASSES  PASS    LONGEST  INTERVAL  QUERIES/S  WRITES/S  FAILED",
                "merchants  60      0.4 ms  1.23 s   1.00 s    7.3        123,456   0",
            ])
    }
}
