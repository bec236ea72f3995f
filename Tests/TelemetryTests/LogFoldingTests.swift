import Logging
import Synchronization
import Testing

@testable import Formatting
@testable import Telemetry

@Suite("Repeats in the log")
struct LogFoldingTests {
    private func record(
        _ message: String, _ level: Logger.Level = .warning, _ metadata: Logger.Metadata = [:]
    ) -> LogFolding.Record {
        LogFolding.Record(
            label: "election", level: level, message: message, metadata: metadata, time: WallClock(0))
    }

    @Test("the first is written, the others are counted, and told every ten seconds")
    func counted() {
        var folding = LogFolding()
        func take(_ remaining: Int, at now: Duration) -> LogFolding.Verdict {
            let record = record("renewal failed", .warning, ["error": "gone", "remaining": "\(remaining)"])
            return folding.take(record, LogFolding.Kind(record), at: now)
        }
        let kind = LogFolding.Kind(record("renewal failed", .warning, ["error": "gone"]))
        #expect(take(9, at: .seconds(100)) == .write)
        #expect(take(8, at: .milliseconds(100_100)) == .fold(askAfter: .milliseconds(9900)))
        for _ in 0..<97 { #expect(take(7, at: .seconds(105)) == .fold(askAfter: nil)) }
        let told = folding.due(kind, at: .seconds(110))
        #expect(told?.metadata == ["error": "gone", "remaining": "7", "repeated": "98"])
        // It goes on: only once in ten seconds.
        #expect(take(6, at: .seconds(111)) == .fold(askAfter: .seconds(9)))
        let again = folding.due(kind, at: .seconds(120))
        #expect(again?.metadata["repeated"] == "1")
        let nothing = folding.due(kind, at: .seconds(130))
        #expect(nothing?.message == nil)
        // Silent for long enough: news again.
        #expect(take(5, at: .seconds(131)) == .write)
    }

    @Test("what differs in more than what always differs is not the same")
    func different() {
        var folding = LogFolding()
        let records = [
            record("pass failed", .error, ["dataset": "users"]), record("pass failed", .error, ["dataset": "bills"]),
            record("pass failed", .warning, ["dataset": "users"]),
            record("pass failed", .error, ["dataset": "users", "problem": "another"]), record("pass", .error),
        ]
        for record in records { #expect(folding.take(record, LogFolding.Kind(record), at: .zero) == .write) }
    }

    @Test("what is no trouble is never folded")
    func events() {
        var folding = LogFolding()
        for level in [Logger.Level.trace, .debug, .info, .notice] {
            let record = record("pass finished", level)
            for _ in 0..<3 { #expect(folding.take(record, LogFolding.Kind(record), at: .zero) == .write) }
        }
    }

    @Test("so many kinds are remembered; those that are over make room")
    func bounded() {
        var folding = LogFolding()
        func take(_ number: Int, at now: Duration) -> LogFolding.Verdict {
            let record = record("trouble \(number)")
            return folding.take(record, LogFolding.Kind(record), at: now)
        }
        for number in 0..<LogFolding.limit + 10 { #expect(take(number, at: .zero) == .write) }
        #expect(take(0, at: .seconds(1)) != .write)
        #expect(take(LogFolding.limit + 5, at: .seconds(1)) == .write)
        #expect(take(LogFolding.limit + 5, at: .seconds(11)) == .write)
        #expect(take(LogFolding.limit + 5, at: .seconds(12)) != .write)
    }

    @Test("at the end nothing that was folded is kept back")
    func flushed() {
        let lines = Mutex<[String]>([])
        let output = LogOutput(.json, write: { line in lines.withLock { $0.append(line) } })
        for _ in 0..<5 { output.take(record("renewal failed")) }
        output.flush()
        #expect(lines.withLock { $0.count } == 2)
        #expect(lines.withLock { $0.last?.contains(#""repeated":4"#) } == true)
        output.flush()
        #expect(lines.withLock { $0.count } == 2)
    }

    @Test("repeats are told after a while, though nothing more comes")
    func toldLater() async throws {
        let lines = Mutex<[String]>([])
        let output = LogOutput(.json, span: .seconds(3), write: { line in lines.withLock { $0.append(line) } })
        for _ in 0..<5 { output.take(record("renewal failed")) }
        let deadline = ContinuousClock.now + .seconds(20)
        while lines.withLock({ $0.count }) < 2, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(lines.withLock { $0.last?.contains(#""repeated":4"#) } == true)
    }

    @Test("who logs waits for nobody who reads, and is told what was lost")
    func hangingReader() async throws {
        let lines = Mutex<[String]>([])
        let gate = Mutex(())
        let output = LogOutput(
            .json,
            write: { line in
                gate.withLock { _ in }
                lines.withLock { $0.append(line) }
            })
        gate.withLock { _ in
            // As many as are kept may be on their way to the reader already.
            for number in 0..<2 * LogOutput.limit + 1 { output.take(record("event \(number)", .info)) }
            output.flush(atMost: .milliseconds(50))
            #expect(lines.withLock { $0.isEmpty })
        }
        output.flush(atMost: .seconds(20))
        let told = lines.withLock { $0 }
        #expect(told.count >= LogOutput.limit)
        #expect(told.contains { $0.contains("records were lost") && $0.contains("\"lost\":") })
    }
}
