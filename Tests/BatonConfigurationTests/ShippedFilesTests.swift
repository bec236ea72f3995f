import CacheRefresh
import LeaderElection
import RedisClient
import TestSupport
import Testing

@testable import BatonConfiguration

@Suite("The shipped configuration")
struct ShippedFilesTests {
    let path = "\(ConfigurationFixture.repository)/config/baton.yaml"

    @Test("loads, and sets what is documented")
    func loads() throws {
        let configuration = try Configuration.load(path: path, environment: [:])
        #expect(configuration.group == "default")
        #expect(configuration.keyPrefix == "")
        #expect(configuration.postgres == .init(url: "postgresql://baton@127.0.0.1:5432/app"))
        #expect(try configuration.redis == ["main": .init(url: RedisURL("redis://127.0.0.1:6379/0"))])
        #expect(configuration.lease == .init(redis: "main", timing: .standard))
        #expect(configuration.shutdown.drain == .seconds(4))
        #expect(configuration.log == .init(level: .info, format: .json))
        #expect(configuration.http == .init(listen: nil))
        #expect(configuration.datasetsPath == "\(ConfigurationFixture.repository)/config/datasets.yaml")
    }

    @Test("has every dataset of the sample database")
    func datasets() throws {
        let datasets = try Configuration.load(path: path, environment: [:]).datasets
        func whole(_ name: String, _ table: String, _ template: String, identity: [String] = []) throws -> Dataset {
            Dataset(
                name: name, source: .table(table, where: nil, filter: nil), identity: identity,
                keys: [.init(template: try KeyTemplate(template), value: .row)])
        }
        func beside(_ name: String, _ table: String) throws -> Dataset {
            Dataset(
                name: name, isEnabled: false, source: .table(table, where: nil, filter: nil),
                keys: [
                    .init(template: try KeyTemplate("cache:\(name):id:{id}"), value: .row),
                    .init(template: try KeyTemplate("cache:\(name):phone:{phone}"), value: .column("id")),
                ], mode: .invalidate, ttl: .seconds(3600))
        }
        let query = """
            select p.id as plugin_id, coalesce(json_agg(t order by t.id) filter (where t.id is not null), '[]') as \
            pay_types from plugins p left join plugin_pay_types t on t.plugin_id = p.id group by p.id
            """
        var users = try whole("users", "users", "user:{id}")
        users.isEnabled = false
        users.format = .hash
        users.ttl = .seconds(3600)
        #expect(
            try datasets == [
                whole("merchants", "merchants", "merchant:{id}"), whole("tenants", "tenants", "tenant:{id}"),
                whole("channels", "payment_channels", "channel:{id}"), whole("plugins", "plugins", "plugin:{id}"),
                whole(
                    "plugin_configs", "plugin_configs", "plugin_config:{plugin_id}:{name}",
                    identity: ["plugin_id", "name"]),
                Dataset(
                    name: "plugin_pay_types", source: .query(query), identity: ["plugin_id"],
                    keys: [.init(template: KeyTemplate("plugin_pay_types:{plugin_id}"), value: .column("pay_types"))]),
                users, beside("appUsers", "app_users"), beside("oaUsers", "oa_users"),
            ])
    }

    @Test(
        "one variable switches a dataset on",
        arguments: ["USERS": "users", "APP_USERS": "appUsers", "OA_USERS": "oaUsers"])
    func switchedOn(variable: String, name: String) throws {
        let configuration = try Configuration.load(
            path: path, environment: ["BATON_DATASETS_\(variable)_ENABLED": "true"])
        #expect(configuration.enabledDatasets.map(\.name).contains(name))
    }
}

@Suite("The revision of the datasets")
struct RevisionTests {
    @Test("is 16 hexadecimal digits and the same in every build")
    func stable() throws {
        let revision = try ConfigurationFixture().load().revision
        #expect(revision == "abe3dd8176a0394a")
    }

    @Test("does not depend on spelling, order, or datasets that are off")
    func indifferent() throws {
        let one = try ConfigurationFixture(
            datasets: """
                version: 1
                datasets:
                  a: { table: a, key: "a:{id}", ttl: 1h }
                  b: { table: b, key: "b:{id}" }
                """)
        let other = try ConfigurationFixture(
            datasets: """
                version: 1
                defaults: { every: 1000ms }
                datasets:
                  c: { table: c, key: "c:{id}", enabled: false }
                  b: { table: b, keys: { "b:{id}": row } }
                  a: { table: a, key: "a:{id}", ttl: 60m }
                """)
        #expect(try one.load().revision == other.load().revision)
        #expect(try one.load(["BATON_DATASETS_A_TTL": "2h"]).revision != other.load().revision)
    }
}
