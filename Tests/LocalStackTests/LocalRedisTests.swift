import LocalStack
import Testing

@Suite struct LocalRedisTests {
    @Test func startsAndStops() async throws {
        let redis = try await LocalRedis.start()
        #expect(redis.isRunning)
        await redis.close()
        #expect(!redis.isRunning)
    }
}
