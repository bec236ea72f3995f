internal import Logging
internal import NIOPosix
internal import RedisClient

extension RedisClient {
    /// Calls `body` with a client for one question of a person, which is closed when that has ended.
    static func brief<Result>(
        _ settings: RedisConfiguration, _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        // What goes wrong is in the errors that it throws.
        let silent = Logger(label: "inspection") { _ in SwiftLogNoOpLogHandler() }
        let client = RedisClient(settings, eventLoop: MultiThreadedEventLoopGroup.singleton.any(), logger: silent)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}
