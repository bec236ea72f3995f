import PostgresClient
import Testing

@testable import ElectionRuntime
@testable import RefreshRuntime

@Suite("Signs of life of the servers that the work needs")
struct SignsOfLifeTests {
    private let origin = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { origin + .seconds(seconds) }

    @Test("A server is silent only while it is asked, from the first pass that did not succeed")
    func asked() {
        let signs = SignsOfLife()
        #expect(signs.silences.isEmpty)
        signs.passBegan("a", target: "main", at: at(1))
        signs.passFailed(PostgresError(code: .connection, message: ""), at: at(2))
        signs.passBegan("a", target: "main", at: at(3))
        #expect(signs.silences == ["postgres": at(1), "main": at(1)])
        signs.passSucceeded("a")
        #expect(signs.silences.isEmpty)
    }

    @Test("A long pass that goes on is no silence, and neither is a dataset that waits for its turn")
    func longPass() {
        let signs = SignsOfLife()
        signs.passBegan("long", target: "main", at: at(1))
        signs.passBegan("waiting", target: "other", at: at(1))
        signs.heard("postgres", at: at(50))
        signs.heard("main", at: at(49))
        #expect(signs.silences == ["postgres": at(50), "main": at(49), "other": at(1)])
    }

    @Test(
        "What PostgreSQL says of a statement shows that it works; what it says of the connection does not",
        arguments: [
            ("42P01", true), ("22P02", true), ("57014", false), ("28P01", false), ("53300", false), ("3D000", false),
            ("08006", false), ("57P03", false),
        ])
    func answers(_ sqlState: String, _ isSign: Bool) {
        let signs = SignsOfLife()
        signs.passBegan("a", target: "main", at: at(1))
        let error = PostgresError(code: .server(sqlState: sqlState), message: "", sqlState: sqlState)
        signs.passFailed(error, at: at(9))
        #expect(signs.silences["postgres"] == (isSign ? at(9) : at(1)))
    }
}
