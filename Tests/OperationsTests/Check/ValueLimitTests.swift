import LocalStack
import PostgresClient
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import CacheRefresh
@testable import DatasetReading
@testable import Operations

@Suite("Values that Redis does not take")
struct ValueLimitTests {
    @Test("check says where Redis takes less than a dataset allows")
    func check() async throws {
        var options = LocalRedis.Options()
        options.configuration = ["proto-max-bulk-len 1mb"]
        try await InspectionFixture.with(redis: options) { fixture in
            let texts = try await fixture.inspector().check().texts(.warning, in: "main")
            #expect(texts.contains { $0.contains("merchants allows values of 8MiB") && $0.contains("none above 1MiB") })
            try await fixture.send(["CONFIG", "SET", "proto-max-bulk-len", "512mb"])
            #expect(
                try await fixture.inspector().check().texts(.warning, in: "main").allSatisfy { !$0.contains("8MiB") })
        }
    }
}
