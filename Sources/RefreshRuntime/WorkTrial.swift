internal import ElectionRuntime
internal import PostgresClient
internal import RedisClient

/// Tries whether everything that the work needs can be reached from here: a connection of its own to PostgreSQL that
/// answers, and a `PING` at each target. Followers do so when their leader can't work, and a leader that doubts.
struct WorkTrial: Sendable {
    let postgres: PostgresAccess
    /// Each Redis that holds keys, by its name.
    let targets: [String: RedisClient]
    /// How long a server has to answer.
    let limit: Duration

    /// Finds which servers can't be reached, `postgres` first; none if all can.
    func run() async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            group.addTask { await answers { try await tryPostgres() } ? nil : SignsOfLife.postgres }
            for (name, target) in targets {
                group.addTask { await answers { try await ping(target) } ? nil : name }
            }
            var missing: [String] = []
            for await name in group { missing += [name].compactMap(\.self) }
            return missing.filter { $0 == SignsOfLife.postgres }
                + missing.filter { $0 != SignsOfLife.postgres }.sorted()
        }
    }

    private func tryPostgres() async throws {
        let connection = try await postgres.connect(within: limit)
        do {
            _ = try await connection.query("select 1")
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    private func ping(_ target: RedisClient) async throws {
        do throws(RedisError) {
            _ = try await target.send(RedisCommand("PING"), timeout: limit)
        } catch {
            // Whoever may not PING has been answered.
            guard error.serverError?.kind == .noPermission else { throw error }
        }
    }

    private func answers(_ question: @escaping @Sendable () async throws -> Void) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await question()) != nil }
            group.addTask {
                try? await Task.sleep(for: limit)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }
}
