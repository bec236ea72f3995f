import CacheRefresh
import RedisClient
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import Formatting

/// Every scalar can be said by a variable. Walks the settings that reading the files declared, so that a new one is
/// tested without being named here, but for a value that differs from what the files say.
@Suite("Environment variables")
struct OverlayTests {
    /// A text by the last part of a setting's name that is valid and not what the files below say.
    private static let texts: [String: String] = [
        "group": "other", "keyPrefix": "test:", "password": "hunter2", "statementTimeout": "7s", "connections": "7",
        "username": "someone", "serverName": "redis.test", "ttl": "7h", "renewEvery": "900ms", "renewTimeout": "500ms",
        "margin": "400ms",
        "crashDetection": "ttl", "drain": "7s", "level": "debug", "format": "text", "enabled": "false", "as": "hash",
        "mode": "existing", "changes": "snapshot", "every": "7s", "ttlJitter": "7%", "confirmAfter": "7m",
        "maxValueBytes": "7MiB", "repeatAfter": "7s", "repeatLateAfter": "7m", "table": "others", "where": "a = 1",
        "filter": "b = 2", "key": "other:{id}",
        "identity": "a,b", "query": "select 1 as id", "listen": "127.0.0.1:8080",
    ]

    private let fixture: ConfigurationFixture
    private let pathTexts: [String: String]

    init() throws {
        fixture = try ConfigurationFixture(
            """
            version: 1
            postgres: { url: "postgresql://baton@db/app" }
            redis:
              main: { url: "rediss://127.0.0.1" }
              other-server: { url: "rediss://127.0.0.1/1", certificateFile: datasets.yaml }
            """,
            datasets: """
                version: 1
                datasets:
                  shops: { table: shops, key: "shop:{id}" }
                  appUsers: { query: "select 2 as id", key: "user:{id}", identity: id }
                """)
        let file = try fixture.write("# nothing\n", to: "empty.pem")
        let datasets = try fixture.write(ConfigurationFixture.plainDatasets, to: "others.yaml")
        pathTexts = ["caFile": file, "certificateFile": file, "keyFile": file, "datasets": datasets]
    }

    private func text(_ setting: ConfigurationSetting) -> String? {
        let key = String(setting.path.split(separator: ".").last ?? "")
        switch (setting.path, key) {
        case ("postgres.url", _): return "host=other dbname=app"
        case (_, "url"): return "rediss://elsewhere:7000/3"
        case (let path, _) where path.hasPrefix("log.levels."): return "debug"
        case (_, "redis"): return "other-server"
        default: return pathTexts[key] ?? Self.texts[key]
        }
    }

    /// What else must be said so that the override makes sense.
    private func company(_ setting: ConfigurationSetting) -> [String: String] {
        if setting.path == "redis.main.keyFile" {
            return ["BATON_REDIS_MAIN_CERTIFICATE_FILE": pathTexts["keyFile"] ?? ""]
        }
        if setting.path == "datasets.shops.query" {
            return ["BATON_DATASETS_SHOPS_TABLE": "", "BATON_DATASETS_SHOPS_IDENTITY": "id"]
        }
        if setting.path == "datasets.appUsers.table" { return ["BATON_DATASETS_APP_USERS_QUERY": ""] }
        if ["datasets.appUsers.where", "datasets.appUsers.filter"].contains(setting.path) {
            return ["BATON_DATASETS_APP_USERS_QUERY": "", "BATON_DATASETS_APP_USERS_TABLE": "users"]
        }
        return [:]
    }

    @Test("override every scalar, and files of secrets every secret")
    func everyScalar() throws {
        let before = try fixture.load()
        for setting in before.settings {
            guard let variable = setting.variable else {
                #expect(setting.path.hasSuffix(".keys"), "only a map has no variable")
                continue
            }
            if setting.path == "version" {
                #expect(fixture.refusals([variable: "2"]).first?.hasPrefix("\(variable): version: `2` is not") == true)
                continue
            }
            let text = try #require(self.text(setting), "\(setting.path) needs a text to try")
            var environment = company(setting)
            environment[variable] = text
            let after = try load(environment, because: setting)
            #expect(after.values != before.values, "\(variable) has no effect")
            let effective = try #require(after.settings.first { $0.path == setting.path })
            #expect(effective.origin == .written(.variable(variable)))
            #expect(effective.value == (setting.path.hasSuffix("password") ? "***" : text))

            guard setting.documentation.isSecret else { continue }
            environment[variable] = nil
            environment[variable + "_FILE"] = try fixture.write(text + "\n", to: "secret")
            let fromFile = try load(environment, because: setting)
            #expect(fromFile.values != after.values, "\(variable)_FILE is not read again")
            #expect(fromFile.values.withoutFiles == after.values, "\(variable)_FILE")
        }
    }

    private func load(_ environment: [String: String], because setting: ConfigurationSetting) throws -> Configuration {
        do throws(ConfigurationErrors) {
            return try fixture.load(environment)
        } catch {
            Issue.record("\(setting.path): \(error)")
            throw error
        }
    }

    @Test("say where nonsense comes from")
    func everyNonsense() throws {
        // What may be any text can't be nonsense.
        let free: Set = [
            "password", "username", "serverName", "table", "query", "where", "filter", "identity",
        ]
        for setting in try fixture.load().settings {
            guard let variable = setting.variable, !free.contains(String(setting.path.split(separator: ".").last ?? ""))
            else {
                continue
            }
            let refusals = fixture.refusals([variable: "{ nonsense"])
            #expect(refusals.last?.hasPrefix("\(variable): \(setting.path): ") == true, "\(variable): \(refusals)")
        }
    }

    @Test("take optional settings away when empty")
    func empty() throws {
        let fixture = try ConfigurationFixture(
            datasets: """
                version: 1
                datasets: { shops: { table: shops, where: open, key: "shop:{id}" } }
                """)
        let configuration = try fixture.load(["BATON_DATASETS_SHOPS_WHERE": "", "BATON_POSTGRES_PASSWORD_FILE": ""])
        #expect(configuration.datasets[0].source == .table("shops", where: nil, filter: nil))
    }

    @Test("name paths as seen from the working directory, files as seen from the file")
    func paths() throws {
        #expect(try fixture.load().redis["other-server"]?.tls.certificateFile == "\(fixture.folder)/datasets.yaml")
        #expect(
            fixture.refusals(["BATON_REDIS_MAIN_CA_FILE": "datasets.yaml"]) == [
                "BATON_REDIS_MAIN_CA_FILE: redis.main.caFile: `datasets.yaml` cannot be read: No such file or directory. "
                    + "Check the path and the permissions of the user that runs baton."
            ])
    }

    @Test(
        "become what people expect",
        arguments: [
            ("appUsers", "APP_USERS"), ("app_users", "APP_USERS"), ("app-users", "APP_USERS"),
            ("ttlJitter", "TTL_JITTER"),
            ("maxValueBytes", "MAX_VALUE_BYTES"), ("URLList", "URL_LIST"), ("oa2Users", "OA2_USERS"), ("x", "X"),
            ("ABC", "ABC"),
        ])
    func names(name: String, variable: String) {
        #expect(VariableName.component(name) == variable)
    }

    @Test(
        "of others are left alone",
        arguments: [
            "BATON_SERVICE_HOST", "BATON_PORT", "BATON_PORT_8080_TCP_ADDR", "BATON_REDIS_SERVICE_PORT_HTTP",
            "BATON_REDIS_PORT_6379_TCP", "BATON_IMAGE_TAG", "BATON_HOME", "BATON_NODE_NAME", "BATON", "PATH",
        ])
    func foreign(variable: String) {
        #expect(fixture.refusals([variable: "x"]) == [])
    }
}

extension Configuration {
    /// Without where they came from.
    fileprivate var values: Configuration {
        var copy = self
        copy.settings = []
        return copy
    }

    /// The same, as if no file had been named that is to be read again.
    fileprivate var withoutFiles: Configuration {
        var copy = self
        copy.postgres.urlFile = nil
        copy.postgres.passwordFile = nil
        for name in copy.redis.keys {
            copy.redis[name]?.urlFile = nil
            copy.redis[name]?.passwordFile = nil
        }
        return copy
    }
}
