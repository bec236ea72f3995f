import LocalStack
import Logging
import NIOPosix
import RedisClient
import TestSupport
import Testing

@testable import Operations

/// A configuration over a private Redis and a database of its own.
struct InspectionFixture {
    let redis: LocalRedis
    let postgres: LocalPostgres
    let databaseURL: String
    let files: ConfigurationFixture

    static let schema = """
        create table merchants (id bigint primary key, name text not null, rate numeric(5,2));
        insert into merchants select n, 'Merchant ' || n, n / 4.0 from generate_series(1, 30) n;
        create table app_users (id bigint primary key, phone text unique, name text);
        insert into app_users values (1, '100', 'Ann'), (2, '200', 'Bo');
        create table settings (name text, value jsonb);
        insert into settings values ('colour', '"red"');
        create table plugin_configs (plugin_id int, name text, value text, primary key (plugin_id, name));
        insert into plugin_configs values (7, 'limit', '10');
        create view loud_merchants as select id, upper(name) as name from merchants;
        analyze;
        """

    static let merchants = """
        version: 1
        datasets:
          merchants: { table: merchants, key: "merchant:{id}" }

        """

    /// - Parameters:
    ///   - main: what the main file says beside the servers' addresses.
    ///   - schema: SQL for the new database.
    init(
        _ datasets: String = merchants, main: String = "", schema: String = schema,
        redis options: LocalRedis.Options = .init(), otherRedis: LocalRedis? = nil
    ) async throws {
        redis = try await LocalRedis.start(options)
        postgres = try await LocalPostgres.shared()
        databaseURL = try await postgres.createDatabase()
        if !schema.isEmpty { _ = try await postgres.run(sql: schema, database: Self.name(of: databaseURL)) }
        files = try ConfigurationFixture(
            """
            version: 1
            postgres: { url: "\(databaseURL)" }
            redis: { main: { url: "\(redis.url)" }\(otherRedis.map { ", other: { url: \"\($0.url)\" }" } ?? "") }
            \(main)

            """, datasets: datasets)
    }

    /// Runs `body` with a fixture, and stops its Redis.
    static func with(
        _ datasets: String = merchants, main: String = "", schema: String = schema,
        redis options: LocalRedis.Options = .init(), otherRedis: LocalRedis? = nil,
        _ body: (InspectionFixture) async throws -> Void
    ) async throws {
        let fixture = try await InspectionFixture(
            datasets, main: main, schema: schema, redis: options, otherRedis: otherRedis)
        do {
            try await body(fixture)
            await fixture.redis.close()
        } catch {
            await fixture.redis.close()
            throw error
        }
    }

    func inspector(_ environment: [String: String] = [:]) throws -> Inspector {
        Inspector(try files.load(environment), path: "baton.yaml")
    }

    func run(sql: String) async throws {
        // Roles belong to all databases: tests that change them at the same moment would refuse each other.
        let changesRoles = ["role ", "owned by ", "GRANT "].contains { sql.contains($0) }
        let statements =
            changesRoles ? "begin; lock table pg_authid in exclusive mode;\n\(sql)\n;\ncommit" : sql
        _ = try await postgres.run(sql: statements, database: Self.name(of: databaseURL))
    }

    /// What `text` says, without the addresses that differ from run to run.
    func anonymous(_ text: String) -> String {
        text.replacing(redis.address, with: "REDIS").replacing("\(files.folder)/", with: "")
            .replacing(databaseURL.replacing(":\(LocalPassword.ofThisProcess)@", with: "@"), with: "POSTGRES")
            .replacing(Self.name(of: databaseURL), with: "DATABASE")
    }

    private static func name(of url: String) -> String { String(url.split(separator: "/").last ?? "") }
}

extension CheckReport {
    /// The findings of one section, as they are shown.
    func texts(_ severity: Finding.Severity, in section: String) -> [String] {
        sections.filter { $0.name == section }.flatMap(\.findings).filter { $0.severity == severity }.map(\.description)
    }
}

extension InspectionFixture {
    /// Sends one command to a Redis, by default the private one.
    @discardableResult
    func send(_ command: [String], to other: LocalRedis? = nil, database: Int = 0) async throws -> RedisValue {
        var url = try RedisURL((other ?? redis).url)
        url.database = database
        let client = RedisClient(
            RedisConfiguration(url: url, connectTimeout: .seconds(20), commandTimeout: .seconds(20)),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: Logger(label: "test"))
        do {
            let reply = try await client.send(RedisCommand(command))
            await client.close()
            return reply
        } catch {
            await client.close()
            throw error
        }
    }
}
