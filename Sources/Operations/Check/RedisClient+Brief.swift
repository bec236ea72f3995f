internal import GroupState
internal import Logging
internal import NIOPosix
internal import RedisClient

extension RedisClient {
    /// Calls `body` with a client for one question of a person, which is closed when that has ended.
    ///
    /// - Parameter anyServer: whether it may also be used where Baton can't work, by whoever says so itself.
    static func brief<Result>(
        _ settings: RedisConfiguration, anyServer: Bool = false, _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        // What goes wrong is in the errors that it throws.
        let silent = Logger(label: "inspection") { _ in SwiftLogNoOpLogHandler() }
        let client = RedisClient(
            settings, eventLoop: MultiThreadedEventLoopGroup.singleton.any(), logger: silent
        ) { connection throws(RedisError) in
            if !anyServer { try await RedisNature.admit(connection, timeout: settings.commandTimeout) }
        }
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
