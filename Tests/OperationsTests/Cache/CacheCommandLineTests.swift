import Glibc
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import GroupState

@Suite("baton cache, as a program")
struct CacheCommandLineTests {
    @Test("clears what it is told, and ends with the right status")
    func clear() async throws {
        try await CacheFixture.with { redis in
            let files = try ConfigurationFixture()
            func run(_ line: String) async throws -> BatonProgram.Run {
                try await BatonProgram.run(line.replacing("REDIS", with: "--redis '\(redis.url)'"), in: files)
            }
            try await redis.set("cache:appUsers:phone:100", to: "7")
            try await redis.set("cache:appUsers:id:7", "other")
            var result = try await run("baton cache clear phone 100 --dry-run REDIS")
            #expect(result.status == 0 && result.output.contains("2 keys at redis://"), "\(result.errors)")
            result = try await run("baton cache clear phone 100 REDIS < /dev/null")
            #expect(result.status == 64 && result.errors.contains("add --yes"))
            #expect(try await redis.keys.count == 3)
            result = try await run("baton cache clear phone 100 --yes REDIS")
            #expect(result.status == 0 && result.output.hasPrefix("Cleared 2 keys at redis://"))
            #expect(!result.output.contains("\u{1B}") && result.errors.isEmpty)
            result = try await run("baton cache clear phone 100 --yes REDIS")
            #expect(result.status == 1)
            result = try await run("baton cache clear --pattern '*' --yes REDIS")
            #expect(result.status == 64 && result.errors.contains("--everything"))
            result = try await run("baton cache clear --pattern '*' --everything --yes --json REDIS")
            #expect(result.status == 0 && result.output.contains(#""cleared": 1"#))
            #expect(try await redis.keys.isEmpty)
        }
    }

    @Test(
        "refuses what makes no sense, and says what to write",
        arguments: [
            ("clear", "Say what"), ("clear ids 7", "`ids` is none of"), ("clear id", "Say which"),
            ("clear all 7", "stands alone"), ("clear id 7 --json", "--yes or --dry-run"),
            ("clear id 7 --family nobody --yes --redis redis://127.0.0.1:1", "no family `nobody`"),
            ("list --redis http://x", "not a Redis URL"), ("list --redis redis://h --host h", "says the host"),
            ("list --user x", "go with --redis"), ("list --config none.yaml", "none.yaml"),
            ("backup ''", "name of the file is empty"), ("restore ''", "name of the file is empty"),
            ("clear id 7 --backup ''", "--backup is empty"),
            ("restore /dev/null --port 1", "no file that can be read twice"),
            ("list", "There is no config/baton.yaml"), ("restore none --redis redis://127.0.0.1:1", "can't be read"),
        ])
    func usage(_ words: String, _ says: String) async throws {
        let run = try await BatonProgram.run("baton cache \(words)", in: ConfigurationFixture())
        #expect([64, 78].contains(run.status), "\(run.status) \(run.errors)")
        #expect(run.errors.contains(says), "\(run.errors)")
    }

    @Test("a server that is away is told by status")
    func away() async throws {
        let run = try await BatonProgram.run("baton cache list --port 1", in: ConfigurationFixture())
        #expect(run.status == 69 && run.errors.hasPrefix("baton: "))
        let clear = try await BatonProgram.run(
            "baton cache clear all --yes --redis redis://127.0.0.1:1", in: ConfigurationFixture())
        #expect(clear.status == 69 && clear.output.contains("failed"))
    }

    @Test("a database that does not exist is told by status, too")
    func noSuchDatabase() async throws {
        try await CacheFixture.with { redis in
            let run = try await BatonProgram.run(
                "baton cache list --db 999999 --redis '\(redis.url)'", in: ConfigurationFixture())
            #expect(run.status == 78 && run.errors.contains("has no database 999999"), "\(run)")
        }
    }

    @Test("a pattern of few bytes in brackets is not taken for one that matches everything")
    func brackets() async throws {
        try await CacheFixture.with { redis in
            try await redis.set("*", "x")
            let run = try await BatonProgram.run(
                "baton cache clear --pattern '[*]' --yes --redis '\(redis.url)'", in: ConfigurationFixture())
            #expect(run.status == 0, "\(run)")
            #expect(try await redis.keys == ["x"])
        }
    }

    @Test("a reader that goes away ends it silently")
    func brokenPipe() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 20_000)
            let run = try await BatonProgram.run(
                "baton cache list appUsers --limit 20000 --redis '\(redis.url)' | head -n 3", in: ConfigurationFixture()
            )
            #expect(run.errors == "" && run.output.split(separator: "\n").count == 3)
            #expect([0, 128 + SIGPIPE].contains(run.status))
        }
    }

    @Test("Ctrl-C ends it in order: what was done is said, and stands in the history", arguments: ["INT", "TERM"])
    func interrupted(_ signal: String) async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 3000)
            let key = GroupKeys(prefix: "", group: "default")
            try await redis.send("HSET", key.fence, "epoch", "1")
            let run = try await BatonProgram.run(
                """
                $BATON cache clear all --yes --rate 100 --json --redis '\(redis.url)' & pid=$!
                until [ "$(redis-cli -u '\(redis.address)' exists '\(key.cleared)')" = 1 ]; do sleep 0.05; done
                kill -\(signal) $pid; wait $pid
                """, in: ConfigurationFixture())
            #expect(run.status == 130, "\(run)")
            let left = try #require(try await redis.send("EVAL", "return #redis.call('KEYS', 'cache:*')", "0").int)
            #expect((1..<3000).contains(left))
            #expect(run.output.contains("\"cleared\": \(3000 - left),") && run.output.contains("It was interrupted."))
            let history = try await redis.send("XREVRANGE", key.events, "+", "-", "COUNT", "1")
            #expect("\(history)".contains("(ended early)"))
        }
    }

    @Test("puts back what it is told, once asked, and nothing of another Redis by mistake")
    func restore() async throws {
        try await CacheFixture.with(LocalRedis.Options()) { redis, server in
            let files = try ConfigurationFixture()
            func run(_ line: String) async throws -> BatonProgram.Run {
                try await BatonProgram.run(line.replacing("REDIS", with: "--redis '\(redis.url)'"), in: files)
            }
            try await redis.set("cache:appUsers:id:7")
            try await redis.send("HSET", "{baton:default}:fence", "epoch", "1")
            #expect(try await run("baton cache backup file REDIS").status == 0)
            try await redis.send("DEL", "cache:appUsers:id:7")
            var result = try await run("baton cache restore file --dry-run REDIS")
            #expect(result.status == 0 && result.output.hasPrefix("1 key of file\n  made at "), "\(result)")
            result = try await run("baton cache restore file --dry-run --json REDIS")
            #expect(result.status == 0 && result.output.contains(#""elsewhere": false"#), "\(result)")
            result = try await run("baton cache restore file REDIS < /dev/null")
            #expect(result.status == 64 && result.errors.contains("Nothing was put back."), "\(result)")
            result = try await run("baton cache restore file --yes --db 3 REDIS")
            #expect(result.status == 64 && result.errors.contains("--elsewhere"), "\(result)")
            #expect(try await redis.send("DBSIZE").int == 1)
            result = try await run("BATON_OPERATOR=anna baton cache restore file --yes --reason why REDIS")
            #expect(result.status == 0 && result.output.hasPrefix("Put back 1 key: file, "), "\(result)")
            result = try await run("baton cache restore file --yes --db 3 --elsewhere --by otto REDIS")
            #expect(result.status == 0, "\(result)")
            let history = try await redis.send("XREVRANGE", "{baton:default}:events", "+", "-")
            #expect("\(history)".contains("anna@") && "\(history)".contains("1 key from file: why"), "\(history)")
        }
    }

    @Test("shows values only if told to, and names the keys to programs")
    func values() async throws {
        try await CacheFixture.with { redis in
            try await redis.set("cache:appUsers:id:7", to: "hash-of-a-password")
            func run(_ options: String) async throws -> BatonProgram.Run {
                try await BatonProgram.run(
                    "baton cache clear id 7 --dry-run \(options) --redis '\(redis.url)'", in: ConfigurationFixture())
            }
            let plain = try await run("")
            #expect(plain.status == 0 && !plain.output.contains("hash-of-a-password"))
            #expect(try await run("--values").output.contains("hash-of-a-password"))
            let json = try await run("--json")
            #expect(json.output.contains("cache:appUsers:id:7") && !json.output.contains("hash-of-a-password"))
        }
    }

    @Test("a password in the URL goes before the shell's, and one in a file before both")
    func passwords() async throws {
        var options = LocalRedis.Options()
        options.password = "right"
        try await CacheFixture.with(options) { _, server in
            let files = try ConfigurationFixture()
            for (password, auth, option, status) in [
                ("right", "wrong", "", Int32(1)), ("", "right", "", 1), ("", "wrong", "", 77),
                ("wrong", "right", "", 77), ("wrong", "wrong", "--password-file file", 1),
            ] {
                let url = "redis://\(password.isEmpty ? "" : ":\(password)@")127.0.0.1:\(server.port)"
                let run = try await BatonProgram.run(
                    "echo right > file; REDISCLI_AUTH=\(auth) baton cache list --redis \(url) \(option)", in: files)
                #expect(run.status == status, "\(password) \(auth) \(option): \(run)")
            }
        }
    }

    @Test("the configuration's path may stand in the environment")
    func environment() async throws {
        let files = try ConfigurationFixture()
        let run = try await BatonProgram.run("BATON_CONFIG=elsewhere.yaml baton cache list", in: files)
        #expect(run.status == 78 && run.errors.contains("There is no elsewhere.yaml"), "\(run)")
        let status = try await BatonProgram.run("BATON_CONFIG=elsewhere.yaml baton status", in: files)
        #expect(status.status == 78 && status.errors.contains("elsewhere.yaml"), "\(status)")
        // It is no setting, and neither is the operator's name.
        let known = try await BatonProgram.run(
            "BATON_CONFIG=baton.yaml BATON_OPERATOR=anna baton check --grants --only redis", in: files)
        #expect(known.status == 69 && !known.errors.contains("BATON_"), "\(known)")
    }

    @Test("a backup that was interrupted leaves no file")
    func interruptedBackup() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 3000)
            let run = try await BatonProgram.run(
                """
                $BATON cache backup file --rate 100 --redis '\(redis.url)' & pid=$!
                until [ -e file.partial ]; do sleep 0.05; done
                kill -INT $pid; wait $pid; status=$?
                [ ! -e file ] && [ ! -e file.partial ] && echo gone; exit $status
                """, in: ConfigurationFixture())
            #expect(run.status == 130 && run.output.contains("gone"), "\(run)")
        }
    }

    @Test("asks at a terminal, shows how far it is, and fits 40 columns")
    func terminal() async throws {
        try await CacheFixture.with { redis in
            try await redis.fill("cache:appUsers:id:", 3000)
            let files = try ConfigurationFixture()
            func answer(_ word: String) async throws -> BatonProgram.Run {
                try await BatonProgram.run(
                    "echo \(word) | script -qec \"stty cols 40; $BATON cache clear all --rate 3000 --redis '\(redis.url)'\" /dev/null",
                    in: files)
            }
            let no = try await answer("n")
            #expect(no.status == 1 && no.output.contains("Clear these 3000 keys? [y/N]"), "\(no)")
            #expect(try await redis.send("DBSIZE").int == 3000)
            let yes = try await answer("y")
            #expect(yes.status == 0 && yes.output.contains("Cleared 3,000 keys"), "\(yes)")
            #expect(yes.output.contains(" %  "), "a bar")
            let notes = yes.output.split(whereSeparator: \.isNewline).drop { !$0.contains("  note ") }
            #expect(notes.count > 1 && notes.allSatisfy { $0.count <= 40 }, "\(notes)")
            #expect(try await redis.send("DBSIZE").int == 0)
        }
    }
}
