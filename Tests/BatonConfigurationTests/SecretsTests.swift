import TestSupport
import Testing

@testable import BatonConfiguration

@Suite("Secrets")
struct SecretsTests {
    @Test("come from files, without their last line break", arguments: ["hunter2\n", "hunter2\r\n", "hunter2"])
    func file(contents: String) throws {
        let fixture = try ConfigurationFixture()
        let path = try fixture.write(contents, to: "password")
        let configuration = try fixture.load([
            "BATON_POSTGRES_PASSWORD_FILE": path, "BATON_REDIS_MAIN_PASSWORD_FILE": path,
        ])
        #expect(configuration.postgres.password == "hunter2")
        #expect(configuration.redis["main"]?.password == "hunter2")
    }

    @Test("keep all other white space")
    func whitespace() throws {
        let fixture = try ConfigurationFixture()
        let path = try fixture.write(" a b \n\n", to: "password")
        #expect(try fixture.load(["BATON_POSTGRES_PASSWORD_FILE": path]).postgres.password == " a b \n")
    }

    @Test("are read without the mark that some editors put before everything")
    func byteOrderMark() throws {
        let fixture = try ConfigurationFixture()
        let path = try fixture.write("\u{FEFF}hunter2\n", to: "password")
        #expect(try fixture.load(["BATON_POSTGRES_PASSWORD_FILE": path]).postgres.password == "hunter2")
    }

    @Test("given twice, or in a file that can't be read, are refused")
    func refusals() throws {
        let fixture = try ConfigurationFixture()
        try fixture.write([0xff, 0xfe], to: "binary")
        try fixture.write([UInt8](repeating: 0x61, count: 70_000), to: "large")
        #expect(
            fixture.refusals(["BATON_POSTGRES_PASSWORD": "a", "BATON_POSTGRES_PASSWORD_FILE": "/dev/null"]) == [
                "BATON_POSTGRES_PASSWORD_FILE: postgres.password: `BATON_POSTGRES_PASSWORD` is set as well. "
                    + "Set only one of the two."
            ])
        let cases = [
            "/nowhere": "`/nowhere` cannot be read: No such file or directory. "
                + "Check the path and the permissions of the user that runs baton.",
            "/tmp":
                "`/tmp` cannot be read: Is a directory. Check the path and the permissions of the user that runs baton.",
            "/dev/null": "is empty. Give the password, or leave the setting out.",
            "binary": "`binary` is not UTF-8 text. Save it in UTF-8.",
            "large": "`large` is larger than 64KiB. Check that this is the file you mean.",
        ]
        for (path, message) in cases where path.hasPrefix("/") {
            #expect(
                fixture.refusals(["BATON_REDIS_MAIN_PASSWORD_FILE": path]) == [
                    "BATON_REDIS_MAIN_PASSWORD_FILE: redis.main.password: \(message)"
                ])
        }
        for (path, message) in cases where !path.hasPrefix("/") {
            #expect(
                fixture.refusals(["BATON_REDIS_MAIN_PASSWORD_FILE": "\(fixture.folder)/\(path)"]) == [
                    "BATON_REDIS_MAIN_PASSWORD_FILE: redis.main.password: \(message)"
                ])
        }
    }

    @Test("come from a file though the variable is there and empty")
    func emptyVariable() throws {
        let fixture = try ConfigurationFixture()
        let path = try fixture.write("hunter2", to: "password")
        let environment = ["BATON_POSTGRES_PASSWORD": "", "BATON_POSTGRES_PASSWORD_FILE": path]
        #expect(try fixture.load(environment).postgres.password == "hunter2")
    }

    @Test("go before those in the file")
    func override() throws {
        let fixture = try ConfigurationFixture(
            """
            version: 1
            postgres: { url: "postgresql://baton@db/app", password: old }
            redis: { main: { url: "redis://127.0.0.1", password: old } }
            """)
        let configuration = try fixture.load(["BATON_POSTGRES_PASSWORD": "new", "BATON_REDIS_MAIN_PASSWORD": "new"])
        #expect(configuration.postgres.password == "new")
        #expect(configuration.redis["main"]?.password == "new")
    }

    @Test("never show in what is printed")
    func redacted() throws {
        let fixture = try ConfigurationFixture(
            """
            version: 1
            postgres: { url: "postgresql://baton:hunter2@db/app?sslpassword=hunter2&sslmode=require", password: hunter2 }
            redis: { main: { url: "redis://baton:hunter2@127.0.0.1", password: hunter2 } }
            """)
        let configuration = try fixture.load()
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in [configuration.redacted, "\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect(
            configuration.redacted.replacing("\(fixture.folder)/", with: "").hasPrefix(
                """
                version = 1 (baton.yaml:1:10)
                group = default (default)
                keyPrefix = \"\" (default)
                postgres.url = postgresql://baton:***@db/app?sslpassword=***&sslmode=require (baton.yaml:2:18)
                postgres.password = *** (baton.yaml:2:101)
                postgres.statementTimeout = 30s (default)
                """))
    }

    @Test(
        "never show in errors",
        arguments: [
            "postgres: { url: hunter2 }", "postgres: { url: \"mysql://a:hunter2@b\" }", "postgres: hunter2",
            "postgres: { password:hunter2 }", "postgres: { password hunter2 }", "postgres: [hunter2]", "redis: hunter2",
            "redis: { url: \"redis://a:hunter2@b\" }", "redis: { main: { url: \"redis://a:hunter2@b:c\" } }",
            "redis: { main: \"redis://a:hunter2@b:c\" }", "postgres: { password: !hunter2 x }",
            "postgres: { password: *hunter2 }", "postgres: { password: [hunter2] }", "postgres: \"hunter2",
            "? [hunter2]\n: 1", "redis: { \"redis://:hunter2@b\": {} }",
            "postgres: {password: hunter2, password: hunter2}",
            "postgres:\n  password: hunter2\n bad: indentation", "postgres:\n\tpassword: hunter2",
            "postgres: { url: 'postgresql://u:a@hunter2@db/app' }",
            "postgres: { url: 'postgresql://u:a/hunter2@db/app' }",
            "postgres: { url: 'postgresql://u:a@hunter2/b@db/app' }",
            "postgres: { url: 'postgresql://u:a?hunter2=@db' }",
            "postgres: { url: 'postgresql://u:p@x?hunter2=@db/app' }", "postgres: { url: 'postgresql://u:hunter2' }",
            "postgres: { url: 'postgresql://db:1?password=a:b@hunter2' }",
        ])
    func errors(text: String) throws {
        let refusals = try ConfigurationFixture("version: 1\n\(text)\n").refusals()
        #expect(!refusals.isEmpty)
        for refusal in refusals { #expect(!refusal.contains("hunter2")) }
    }

    @Test(
        "are taken out of connection strings",
        arguments: [
            ("postgresql://a:hunter2@b/c", "postgresql://a:***@b/c"), ("postgresql://a@b/c", "postgresql://a@b/c"),
            ("postgresql://b/c?password=hunter2&x=y", "postgresql://b/c?password=***&x=y"),
            ("postgres://:hun@ter/2?@b", "postgres://:***@b"), ("password=hunter2://b host=a", "password=*** host=a"),
            ("host=a password=hunter2 user=b", "host=a password=*** user=b"),
            ("password = 'hun\\'ter 2' host=a", "password=*** host=a"), ("host='a b'", "host='a b'"),
            ("host=a hunter2", "host=a ***="), ("", ""),
            ("postgresql://a:hunter2@\u{301}b/c", "postgresql://a:***@\u{301}b/c"),
            ("postgresql://a:\u{301}hunter2@b/c", "postgresql://a:***@b/c"),
            ("postgresql:/\u{301}/a:hunter2@b", "***="),
            ("postgresql://b/c?x=y&password=\u{301}hunter2", "postgresql://b/c?x=y&password=***"),
            ("postgresql://b/c?\u{301}x=y&\u{301}password=hunter2", "postgresql://b/c?\u{301}x=y&\u{301}password=***"),
            ("postgresql://b/c?%70assword=hunter2", "postgresql://b/c?%70assword=***"),
            ("password='\u{301}hunter2' host=a", "password=*** host=a"),
            ("password='hun\\'\u{301}ter2' host=a", "password=*** host=a"),
            ("password='hun'\u{301}ter2 host=a", "password=*** ***= host=a"),
            ("password=hun\u{2003}hunter2=x host=a", "password=*** host=a"),
            ("postgresql:///d?host=b&password=hunter2@hunter2&x=y", "postgresql:///d?host=b&password=***&x=y"),
            ("postgresql://a@b:1/c?password=hunter2@hunter2", "postgresql://a@b:***"),
            ("postgresql://b?passfile=/x@y&password=hunter2", "postgresql://b?passfile=***&password=***"),
        ])
    func redaction(text: String, shown: String) {
        #expect(Redaction.postgres(text) == shown)
    }
}
