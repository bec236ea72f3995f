import Drills
import Testing

@testable import Demo

@Suite struct LogLineTests {
    @Test func readsJSON() {
        let line = LogLine(
            parsing: #"{"timestamp":"2026-01-31T12:00:00.123Z","level":"notice","message":"elected","epoch":"1763","#
                + #""replica":"replica-2","token":"t"}"#)
        #expect(line.level == "notice")
        #expect(line.message == "elected")
        #expect(line.metadata["epoch"] == "1763")
        #expect(line.words == "elected, epoch 1763")
    }

    @Test func takesWhatIsNoJSONForAProblem() {
        let line = LogLine(parsing: "Fatal error: \u{1B}[31mout of range")
        #expect(line.isWarning)
        #expect(line.words == #"Fatal error: \x1b[31mout of range"#)
    }

    @Test func readsPasses() {
        let line = LogLine(
            parsing: #"{"level":"info","message":"pass finished","dataset":"merchants","rows":2000,"changed":"3","#
                + #""written":3,"deleted":1,"milliseconds":"12.6"}"#)
        let report = PassReport(line)
        #expect(report?.words == "merchants: 2,000 rows, 3 changed, 3 written, 1 deleted, 13 ms")
        #expect(PassReport(LogLine(level: "info", message: "pass failed", metadata: ["dataset": "x"])) == nil)
    }
}
