import CacheRefresh
import PostgresClient
import Testing

@testable import DatasetReading
@testable import GroupState
@testable import RefreshRuntime
@testable import Telemetry

@Suite("Trouble that lasts")
struct LastingProblemTests {
    private struct First: Error {}
    private struct Second: Error {}

    @Test("is told when it begins or becomes another one, and then once a minute")
    func telling() {
        var trouble = LastingProblem()
        let (first, second) = (Problem(First()), Problem(Second()))
        let wasQuiet = !trouble.isOver()
        #expect(wasQuiet)
        var told: [Int] = []
        for second in 0..<130 where trouble.isWorthTelling(first, at: .seconds(second)) { told.append(second) }
        #expect(told == [0, 60, 120])
        let others = [131, 132].map { trouble.isWorthTelling(second, at: .seconds($0)) }
        #expect(others == [true, false])
        let over = [trouble.isOver(), trouble.isOver()]
        #expect(over == [true, false])
        let again = trouble.isWorthTelling(second, at: .seconds(133))
        #expect(again)
    }

    @Test("does not name the dataset, which stands beside it")
    func datasets() {
        let error = DatasetError(
            dataset: "users", problem: "the table users does not exist", remedy: "Correct `table`.")
        #expect(Problem(error).text == "the table users does not exist. Correct `table`.")
    }

    @Test("stands in the statistics until a tick succeeds, not too long")
    func statistics() {
        let meter = DatasetMeter("users", .discarded)
        struct Long: Error, CustomStringConvertible {
            var description: String { "It is long: \(String(repeating: "x\u{301}", count: 5000)). Shorten it." }
        }
        meter.failed(Problem(Long()))
        #expect(meter.lastMinute.failures == 1)
        let problem = meter.lastMinute.problem ?? ""
        #expect(problem.hasPrefix("It is long") && problem.hasSuffix("Shorten it."))
        #expect(problem.unicodeScalars.contains("…"))
        #expect(problem.unicodeScalars.count <= DatasetStatistics.problemLimit)
        meter.succeeded(.skipped, .zero)
        #expect(meter.lastMinute.problem == nil && meter.lastMinute.failures == 1)
    }
}
