import CacheRefresh
import Foundation
import LocalStack
import PostgresClient
import TestSupport
import Testing

@testable import DatasetReading
@testable import RefreshRuntime

/// In mode `invalidate` a mark that says too much leaves old values in the cache for good.
@Suite("Marks are believed only of the history and the tables that they were made of", .serialized)
struct MarkBeliefTests {
    private static let schema = """
        create table users (id int primary key, name text);
        insert into users select n, 'user ' || n from generate_series(1, 5) n
        """

    /// A leader that has been at work long enough to have written its mark.
    private static func settledLeader(_ world: RefreshWorld, _ dataset: Dataset) async throws -> Leader {
        let leader = try await world.leader(of: dataset)
        try await leader.tick()
        try await world.wait(until: "its mark is written") {
            world.clock.advance(by: .seconds(2))
            try await leader.tick()
            return try await world.mark(of: dataset.name) != nil
        }
        return leader
    }

    private static func fill(_ world: RefreshWorld, _ ids: Int...) async throws {
        for id in ids { try await world.command("SET", "user:\(id)", "*", "EX", "900") }
    }

    private static func dataset(_ table: String = "users") throws -> Dataset {
        try .table(table, ["user:{id}"], mode: .invalidate)
    }

    // MARK: Histories

    @Test(
        "After a failover nothing that was cached is believed; the marks of the new server are, before its checkpoint")
    func failover() async throws {
        try await ServerHistoryTests.withPair(sql: Self.schema) { world, primary, standby in
            let dataset = try Self.dataset()
            _ = try await Self.settledLeader(world, dataset)
            let checkpointer = try await standby.run(
                sql: "select pid from pg_stat_activity where backend_type = 'checkpointer'")
            kill(try #require(pid_t(checkpointer)), SIGSTOP)  // woken when the server is closed
            await primary.kill()
            try await standby.promote()
            func successor() async throws -> Leader {
                let connection = try await PostgresConnection.connect(
                    PostgresConfiguration(url: standby.url(database: world.databaseName), connectTimeout: .seconds(20)))
                return try await world.leader(of: dataset, on: connection)
            }
            // Somebody cached what only the old primary has seen.
            try await Self.fill(world, 1, 2)
            let second = try await successor()
            try await second.tick()
            #expect(try await world.keyNames() == [])
            try await world.wait(until: "the new server's mark is written") {
                world.clock.advance(by: .seconds(2))
                try await second.tick()
                return try await world.mark(of: "users")?.contains(" 2 primary ") == true
            }
            try await Self.fill(world, 1, 2)
            try await standby.run(sql: "update users set name = 'new' where id = 2", database: world.databaseName)
            let third = try await successor()
            try await third.tick()
            #expect(try await world.keyNames() == ["user:1"])
            for leader in [second, third] { await leader.connection.close() }
        }
    }

    @Test("A leader that sees a failover unlinks what others may have read of the lost transactions")
    func failoverUnderALeader() async throws {
        try await ServerHistoryTests.withPair(sql: Self.schema) { world, primary, standby in
            let leader = try await Self.settledLeader(world, Self.dataset())
            await leader.connection.close()
            try await primary.wait(for: standby)
            await primary.kill()
            try await standby.promote()
            try await Self.fill(world, 1)
            leader.connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: standby.url(database: world.databaseName), connectTimeout: .seconds(20)))
            try await leader.tick()
            #expect(try await world.keyNames() == [])
            // What it marks from now on is of the new server, and is believed.
            try await world.wait(until: "the new server's mark is written") {
                world.clock.advance(by: .seconds(2))
                try await leader.tick()
                return try await world.mark(of: "users")?.contains(" 2 primary ") == true
            }
            try await Self.fill(world, 1)
            try await world.leader(of: Self.dataset(), on: leader.connection).tick()
            #expect(try await world.keyNames() == ["user:1"])
            await leader.connection.close()
        }
    }

    @Test("A restart in order under a leader unlinks nothing; files that were restored are noticed")
    func restoredFiles() async throws {
        try await LocalPostgres.withServer(ServerHistoryTests.options()) { server in
            try await RefreshWorld.with(sql: Self.schema, postgres: server) { world in
                let leader = try await Self.settledLeader(world, Self.dataset())
                await server.stop()
                try await server.keepFiles()
                // A checkpoint tells its second only: at once, so that it does not say whether it is of the new start.
                let isOneSecond = """
                    select checkpoint_time = date_trunc('second', pg_postmaster_start_time())
                    from pg_control_checkpoint()
                    """
                try await world.wait(until: "the server was stopped and started within one second") {
                    try await server.restart()
                    return try await server.run(sql: isOneSecond) == "t"
                }
                try await Self.fill(world, 1, 2)
                leader.connection = try await world.connect()
                try await leader.tick()
                #expect(try await world.keyNames() == ["user:1", "user:2"])
                #expect(leader.state.history.takeChange() == nil)
                try await Self.overwrite(server, world, leader)
            }
        }
    }

    /// Loses transactions, and has others take their ids.
    private static func overwrite(_ server: LocalPostgres, _ world: RefreshWorld, _ leader: Leader) async throws {
        let old = try await world.mark(of: "users")
        for number in 1...5 { try await world.sql("update users set name = 'lost \(number)' where id = 5") }
        try await world.wait(until: "the mark moves on") {
            world.clock.advance(by: .seconds(61))
            try await leader.tick()
            return try await world.mark(of: "users") != old
        }
        let mark = try #require(Mark(try await world.mark(of: "users") ?? ""))
        try await server.restoreFiles()
        try await fill(world, 1, 2)
        try await world.sql("update users set name = 'new' where id = 1")
        for number in 1...10 { try await world.sql("update users set name = '\(number)' where id = 4") }
        let connection = try await world.connect()
        let now = try await Snapshot.take(on: connection)
        #expect(now.horizon > mark.horizon && now.history.position > mark.history.position)
        #expect(now.history.timeline == mark.history.timeline)
        let successor = try await world.leader(of: dataset(), on: connection)
        try await successor.tick()
        #expect(try await world.get("user:1") == nil)
    }

    // MARK: Definitions

    /// What is done to a table while nobody leads, without touching a row.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let schema: String
        let sql: String
        /// Of the dataset, which rows it has.
        var condition: String?
    }

    static let changes = [
        Change(
            testDescription: "another table is swapped in by rename",
            schema: "\(schema); create table side (like users including all); insert into side values (1, 'other')",
            sql: "begin; alter table users rename to old; alter table side rename to users; commit"),
        Change(
            testDescription: "an older table is attached as a partition",
            schema: """
                create table users (id int primary key, name text) partition by range (id);
                create table low partition of users for values from (1) to (5);
                create table high (id int primary key, name text);
                insert into users values (1, 'a'); insert into high values (5, 'b')
                """,
            sql: "alter table users attach partition high for values from (5) to (9)"),
        Change(
            testDescription: "a partition of a partition is attached",
            schema: """
                create table users (id int primary key, name text) partition by range (id);
                create table low partition of users for values from (1) to (9) partition by range (id);
                create table one partition of low for values from (1) to (2); insert into users values (1, 'a');
                create table high (id int primary key, name text); insert into high values (5, 'b')
                """,
            sql: "alter table low attach partition high for values from (5) to (9)"),
        Change(
            testDescription: "an older table begins to inherit",
            schema: "\(schema); create table child (like users including all); insert into child values (9, 'c')",
            sql: "alter table child inherit users"),
        Change(
            testDescription: "a label of an enum is renamed",
            schema: """
                create type mood as enum ('good', 'bad'); create domain moods as mood[];
                create table users (id int primary key, name text, mood moods);
                insert into users values (1, 'a', '{good}')
                """,
            sql: "alter type mood rename value 'good' to 'fine'"),
        Change(
            testDescription: "an attribute of a composite type is renamed",
            schema: """
                create type pair as (a int, b int); create type pairs as (list pair[]);
                create table users (id int primary key, name text, pairs pairs);
                insert into users values (1, 'a', row(array[row(1, 2)::pair]))
                """,
            sql: "alter type pair rename attribute a to c"),
        Change(
            testDescription: "rows are hidden by a policy",
            schema: "\(schema); create policy visible on users using (id > 3)",
            sql: "alter policy visible on users using (id > 0)"),
    ]

    /// Quiet, so that no row is newer than a mark because of a stranger's transaction.
    private static let server = Task { try await LocalPostgres.start(ServerHistoryTests.options()) }

    @Test("A change of where rows are, or of what is in them, makes a mark void", arguments: changes)
    func definitions(_ change: Change) async throws {
        try await RefreshWorld.with(sql: change.schema, postgres: try await Self.server.value) { world in
            let dataset = try Self.dataset()
            _ = try await Self.settledLeader(world, dataset)
            try await Self.fill(world, 1)
            // A takeover alone unlinks nothing.
            let second = try await world.leader(of: dataset)
            try await second.tick()
            #expect(try await world.keyNames() == ["user:1"])
            try await world.sql(change.sql)
            try await Self.fill(world, 5, 9)
            let third = try await world.leader(of: dataset)
            try await third.tick()
            #expect(try await world.keyNames() == [])
        }
    }

    /// What nothing else in the fingerprint shows: each is looked for by itself.
    static let facts = [
        Change(testDescription: "another file", schema: schema, sql: "truncate users"),
        Change(
            testDescription: "another type that takes no rewriting", schema: schema,
            sql: "alter table users alter name type varchar"),
        Change(
            testDescription: "another view in the condition",
            schema: "\(schema); create view visible as select id from users where id > 3",
            sql: "create or replace view visible as select id from users where id > 2",
            condition: "id in (select id from visible)"),
        Change(
            testDescription: "another primary key", schema: schema,
            sql: "alter table users drop constraint users_pkey, alter id drop not null, add primary key (name)"),
        Change(
            testDescription: "another body of a function in the condition",
            schema: """
                \(schema); create function visible(int) returns boolean language sql immutable as 'select $1 > 3'
                """,
            sql: """
                create or replace function visible(int) returns boolean language sql immutable as 'select $1 > 2'
                """,
            condition: "visible(id)"),
        Change(
            testDescription: "another body of a cast to json",
            schema: """
                create type mood as enum ('good'); create table users (id int primary key, mood mood);
                create function shown(mood) returns json language sql immutable as $$select '1'::json$$;
                create cast (mood as json) with function shown(mood)
                """,
            sql: """
                create or replace function shown(mood) returns json language sql immutable as $$select '2'::json$$
                """),
    ]

    @Test("Each fact is part of what a mark stands for", arguments: facts)
    func fingerprint(_ change: Change) async throws {
        try await RefreshWorld.with(sql: change.schema, postgres: try await Self.server.value) { world in
            let dataset = try Dataset.table("users", ["user:{id}"], mode: .invalidate, where: change.condition)
            let source = DatasetSource(dataset: dataset, keyPrefix: "")
            let before = try await source.bind(on: world.connect()).fingerprint
            #expect(try await source.bind(on: world.connect()).fingerprint == before)
            try await world.sql(change.sql)
            #expect(try await source.bind(on: world.connect()).fingerprint != before)
        }
    }
}
