internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import PostgresClient

/// The least permissions that Baton needs, as text for `psql` and `redis-cli`.
package struct Grants: Sendable {
    /// One of the two kinds of servers.
    package enum Server: String, CaseIterable, Sendable {
        case postgres, redis
    }

    /// The purpose for which somebody needs them.
    package enum Purpose: String, CaseIterable, Sendable {
        /// `baton run`, and `baton check` as the same user.
        case run
        /// All other commands: `status`, `pause`, `plan`, `cache` and so on.
        case `operator`
    }

    /// The name that the permissions are given to.
    package let role: String
    /// SQL statements, each with its semicolon.
    package let postgres: [String]
    /// One `ACL SETUSER` line for each Redis of the configuration, by its name.
    package let redis: [(name: String, line: String)]

    /// The text that can be run, for one kind of servers.
    package func text(for server: Server) -> String {
        switch server {
        case .postgres: postgres.joined(separator: "\n") + "\n"
        case .redis: redis.map(\.line).joined(separator: "\n") + "\n"
        }
    }

    /// The statements and lines for people.
    package var text: String {
        var lines = [
            "-- PostgreSQL: for psql, as an administrator.",
            "-- CREATE ROLE \(role) LOGIN PASSWORD '…';",
        ]
        lines += postgres
        for (name, line) in redis {
            lines += [
                "",
                "# Redis \(name): for redis-cli. The password of a new user comes first: ACL SETUSER \(role) '>…'",
                "# Afterwards ACL SAVE or CONFIG REWRITE, or a restart of Redis forgets it.",
                "# It holds in all databases: those of two deployments in one Redis are apart by keyPrefix only.",
                line,
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `{"postgres": […], "redis": {"main": "ACL SETUSER …"}}`
    package var json: String {
        JSONText.fields([
            "postgres": .texts(postgres),
            "redis": .object(redis.map { JSONText.Member(name: $0.name, value: .text($0.line)) }),
        ]).rendered + "\n"
    }
}

extension Inspector {
    /// The least permissions for all datasets that are switched on. Reads PostgreSQL's catalogs; asks no Redis.
    ///
    /// - Parameters:
    ///   - role: the name of the role and of the Redis user.
    ///   - purpose: what it is for; nil for everything that Baton does.
    /// - Throws: `PostgresError`, ``DatasetError``, or ``InspectionError`` if the connection's user may not read a
    ///   table.
    package func grants(role: String, for purpose: Grants.Purpose? = nil) async throws -> Grants {
        guard
            !role.isEmpty,
            role.unicodeScalars.allSatisfy({
                !$0.properties.isWhitespace && $0.properties.generalCategory != .control && $0 != "\"" && $0 != "'"
            })
        else {
            throw InspectionError(.usage, "A role's name has no spaces and no quotes.")
        }
        let connection = try await connectToPostgres()
        let postgres = try await PostgresGrants.read(configuration.enabledDatasets, role: role, on: connection)
        await connection.close()
        let names = Set(configuration.enabledDatasets.map(\.redis) + [configuration.lease.redis]).sorted()
        return Grants(
            role: role, postgres: postgres.statements,
            redis: names.map {
                let purposes = purpose.map { [$0] } ?? Set(Grants.Purpose.allCases)
                return ($0, RedisGrants(user: role, configuration: configuration, redis: $0, for: purposes).line)
            })
    }
}
