import PostgresClient
import RedisClient
import TestSupport
import Testing

@testable import Operations

@Suite("Exit status")
struct ExitStatusTests {
    @Test("docs/commands.md has the table that follows from the code")
    func documentation() throws {
        let rows = Operations.ExitStatus.allCases.map { "| \($0.rawValue) | `\($0)` | \($0.meaning) |" }
        let table = (["| status | name | meaning |", "| --- | --- | --- |"] + rows).joined(separator: "\n")
        let page = try ConfigurationFixture.read("docs/commands.md")
        #expect(page.contains("\n\(table)\n\n"), "docs/commands.md should say:\n\(table)")
    }

    @Test(
        "errors of PostgreSQL have one",
        arguments: [
            (PostgresError.Code.connection, Operations.ExitStatus.unavailable), (.timeout, .unavailable),
            (.authentication, .refused), (.usage, .configuration), (.server(sqlState: "42501"), .refused),
            (.server(sqlState: "28000"), .refused), (.server(sqlState: "53300"), .unavailable),
            (.server(sqlState: "57P03"), .unavailable), (.server(sqlState: "3D000"), .configuration),
            (.server(sqlState: "42P01"), .configuration),
        ])
    func postgres(_ code: PostgresError.Code, status: Operations.ExitStatus) {
        #expect(Operations.ExitStatus(PostgresError(code: code, message: "…")) == status)
    }

    @Test(
        "errors of Redis have one",
        arguments: [
            ("LOADING", Operations.ExitStatus.unavailable), ("OOM", .unavailable), ("NOPERM", .refused),
            ("NOAUTH", .refused),
            ("READONLY", .configuration), ("WRONGTYPE", .configuration), ("ERR", .internalError),
        ])
    func redis(_ prefix: String, status: Operations.ExitStatus) {
        let error = RedisServerError(prefix: prefix, message: "…")
        #expect(Operations.ExitStatus(RedisError(code: .server(error), delivery: .rejected, message: "…")) == status)
    }

    @Test("a server that can't be reached weighs more than a problem")
    func precedence() {
        var report = CheckReport()
        #expect(report.status == .done)
        var section = CheckReport.Section(.redis, "main", title: "")
        section.findings = [.warning("w", "r"), .note("n")]
        report.sections = [section]
        #expect(report.status == .done)
        report.sections[0].findings.append(.problem("p", "r"))
        #expect(report.status == .no)
        report.sections[0].findings.append(.problem("p", "r", .refused))
        #expect(report.status == .refused)
        report.sections[0].findings.append(.problem("p", "r", .unavailable))
        #expect(report.status == .unavailable)
    }
}
