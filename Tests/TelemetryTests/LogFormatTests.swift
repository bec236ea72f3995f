import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import Formatting
@testable import Telemetry

@Suite("How the log looks")
struct LogFormatTests {
    private static let record = LogFolding.Record(
        label: "election", level: .warning, message: "renewal failed",
        metadata: [
            "epoch": "1795253980057128", "error": "line\nbreak \u{1B}[31m\"quote\"", "list": .array(["a", "b"]),
            "map": .dictionary(["k": "v"]), "token": "007",
        ], time: WallClock(1_795_249_220_037))

    @Test("as JSON it is one object a line, whatever is in it")
    func json() throws {
        let line = LogFormat.json.line(Self.record)
        #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { $0 != "\n" })
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["timestamp"] as? String == "2026-11-21T08:20:20.037Z")
        #expect(object["level"] as? String == "warning" && object["label"] as? String == "election")
        #expect(object["message"] as? String == "renewal failed")
        #expect(object["epoch"] as? Int == 1_795_253_980_057_128 && object["token"] as? String == "007")
        #expect(object["error"] as? String == "line\nbreak \u{1B}[31m\"quote\"")
        #expect(object["list"] as? [String] == ["a", "b"] && object["map"] as? [String: String] == ["k": "v"])
    }

    @Test("as text it is one line that does nothing to a terminal")
    func text() {
        #expect(
            LogFormat.text(isColoured: false).line(Self.record)
                == "08:20:20.037 warning  election  renewal failed  epoch=1795253980057128  "
                + #"error=line\x0abreak \x1b[31m"quote"  list=["a", "b"]  map=["k": "v"]  token=007"# + "\n")
        let coloured = LogFormat.text(isColoured: true).line(Self.record)
        #expect(coloured.contains("\u{1B}[33mwarning \u{1B}[0m"))
        #expect(!coloured.contains("[31m\"quote\"".replacing("[31m", with: "\u{1B}[31m")))
    }

    @Test("each part has the level that it was given, else the common one")
    func levels() throws {
        let fixture = try ConfigurationFixture()
        let log = try fixture.load([
            "BATON_LOG_LEVEL": "warning", "BATON_LOG_LEVELS_ELECTION": "debug", "BATON_LOG_FORMAT": "text",
        ]).log
        #expect(log == .init(level: .warning, format: .text, levels: [.election: .debug]))
        let lines = Mutex<[String]>([])
        let logs = Logs(
            log, replica: "a", output: LogOutput(.json, write: { line in lines.withLock { $0.append(line) } }))
        logs[.election].debug("shown")
        logs[.refresh].notice("hidden")
        logs[.refresh].warning("shown too", [.dataset: "users"])
        logs.flush()
        #expect(lines.withLock { $0.count } == 2)
        #expect(
            lines.withLock {
                $0.last?.contains(#""label":"refresh","message":"shown too","dataset":"users","replica":"a"}"#)
            } == true)
    }

    @Test("a level that is none, or a part that is none, is refused with advice")
    func refusals() throws {
        let fixture = try ConfigurationFixture()
        #expect(fixture.refusals(["BATON_LOG_LEVELS_ELECTION": "loud"]).first?.contains("is none of") == true)
        #expect(
            fixture.refusals(["BATON_LOG_LEVELS_ELECTIONS": "debug"]).first?.contains("BATON_LOG_LEVELS_ELECTION")
                == true)
    }

    @Test("messages are constant, and what differs has a name from the list")
    func sources() throws {
        let paths = try SourceFiles.all(in: SourceFiles.layers)
            .filter { $0.hasSuffix(".swift") && !$0.contains("/Logging/") }
        #expect(paths.count > 50)
        for path in paths {
            let text = try ConfigurationFixture.read(path)
            for line in text.split(separator: "\n") where line.contains("ogger.") || line.contains("logs[") {
                #expect(!line.contains("metadata:") && !line.contains("metadataKey"), "\(path): \(line)")
                let message = line.firstMatch(of: /\.(debug|info|notice|warning|error)\("([^"]*)"/)
                #expect(message.map { !$0.2.contains(#"\("#) } ?? true, "\(path): \(line)")
            }
        }
    }

    @Test("docs/operations.md explains each name")
    func documentation() throws {
        let page = try ConfigurationFixture.read("docs/operations.md")
        for key in LogKey.allCases { #expect(page.contains("`\(key.rawValue)`"), "\(key.rawValue)") }
    }
}
