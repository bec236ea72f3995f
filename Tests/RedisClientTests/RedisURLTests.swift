import Testing

@testable import RedisClient

@Suite struct RedisURLTests {
    @Test(arguments: [
        ("redis://localhost", RedisURL(address: .tcp(host: "localhost", port: 6379))),
        (
            "REDIS://cache.example.com:7000/3",
            RedisURL(address: .tcp(host: "cache.example.com", port: 7000), database: 3)
        ),
        ("redis://h/", RedisURL(address: .tcp(host: "h", port: 6379))),
        ("redis://h?db=4", RedisURL(address: .tcp(host: "h", port: 6379), database: 4)),
        ("redis://h/?db=4", RedisURL(address: .tcp(host: "h", port: 6379), database: 4)),
        ("rediss://h:1", RedisURL(address: .tcp(host: "h", port: 1), usesTLS: true)),
        ("redis://:pass@h", RedisURL(address: .tcp(host: "h", port: 6379), password: "pass")),
        ("redis://user@h", RedisURL(address: .tcp(host: "h", port: 6379), username: "user")),
        (
            "redis://us%3Aer:p%40%2Fs%25@h:9/1",
            RedisURL(address: .tcp(host: "h", port: 9), username: "us:er", password: "p@/s%", database: 1)
        ),
        ("redis://u:a@b:c@h", RedisURL(address: .tcp(host: "h", port: 6379), username: "u", password: "a@b:c")),
        ("redis://u:@h", RedisURL(address: .tcp(host: "h", port: 6379), username: "u", password: "")),
        ("redis://:@h", RedisURL(address: .tcp(host: "h", port: 6379))),
        ("redis://[::1]", RedisURL(address: .tcp(host: "::1", port: 6379))),
        (
            "rediss://u:p@[fe80::1%25eth0]:6380/2",
            RedisURL(
                address: .tcp(host: "fe80::1%eth0", port: 6380), usesTLS: true, username: "u", password: "p",
                database: 2)
        ),
        ("unix:///run/redis.sock", RedisURL(address: .unix(path: "/run/redis.sock"))),
        (
            "unix://u:p@/a%20b?db=7",
            RedisURL(address: .unix(path: "/a b"), username: "u", password: "p", database: 7)
        ),
        (
            "redis://u:p@\u{301}@h",
            RedisURL(address: .tcp(host: "h", port: 6379), username: "u", password: "p@\u{301}")
        ),
        (
            "redis://u:p@\u{301}h",
            RedisURL(address: .tcp(host: "\u{301}h", port: 6379), username: "u", password: "p")
        ),
        (
            "redis://u:\u{301}p@h:7", RedisURL(address: .tcp(host: "h", port: 7), username: "u", password: "\u{301}p")
        ),
        ("redis://:%E2%82%AC@h", RedisURL(address: .tcp(host: "h", port: 6379), password: "€")),
    ])
    func reads(text: String, expected: RedisURL) throws {
        #expect(try RedisURL(text) == expected)
    }

    @Test(arguments: [
        ("", "begins with"), ("localhost:6379", "begins with"), ("http://h", "scheme"), ("redis://", "names no host"),
        ("redis:///0", "names no host"), ("redis://:6379", "names no host"), ("redis://h:", "port"),
        ("redis://h:0", "port"),
        ("redis://h:65536", "port"), ("redis://h:12x", "port"), ("redis://h:-1", "port"), ("redis://h:+1", "port"),
        ("redis://h/x", "database"), ("redis://h/-1", "database"), ("redis://h/0/1", "database"),
        ("redis://h/99999999999", "database"), ("redis://h?db=", "db="), ("redis://h?db=x", "database"),
        ("redis://h?timeout=1", "only db=N"), ("redis://h/1?db=2", "twice"), ("redis://h#a", "%23"),
        ("redis://::1", "brackets"), ("redis://[::1", "does not close"), ("redis://[localhost]", "IPv6"),
        ("redis://[::1]x", "After ']'"), ("redis://h h", "space"), ("redis://h\n", "space"), ("redis://%zz", "hex"),
        ("redis://u:%f@h", "hex"), ("redis://u:%ff@h", "UTF-8"), ("redis://h<", "host"), ("unix://", "absolute"),
        ("unix:///", "absolute"), ("unix://host/path", "absolute"), ("unix:relative", "begins with"),
        ("unix:///" + String(repeating: "x", count: 120), "107"),
    ])
    func refuses(text: String, reason: String) {
        #expect { try RedisURL(text) } throws: { "\($0)".contains(reason) }
    }

    /// A slash in a password moves the rest of it into places that errors would like to quote.
    @Test(arguments: ["redis://:hun/ter2@h", "redis://u:1/ter2@h", "redis://u:hun#ter2@h", "redis://u:hun?ter2@h"])
    func keepsPasswordsOutOfErrors(text: String) {
        #expect { try RedisURL(text) } throws: { !"\($0)".contains("ter2") && !"\($0)".contains("hun") }
    }

    @Test func keepsPasswordsOutOfDescriptions() throws {
        let url = try RedisURL("redis://us%20er:hunter2@[::1]:7000/3")
        var configuration = RedisConfiguration(url: url, password: "hunter2")
        configuration.username = "other"
        var dumped = ""
        dump(url, to: &dumped)
        dump(configuration, to: &dumped)
        for text in ["\(url)", String(reflecting: url), "\(configuration)", "\([configuration])", dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(url)" == "redis://us%20er@[::1]:7000/3")
    }

    @Test(arguments: ["redis://us%20er@[::1]:7000/3", "rediss://h:6379/0", "unix:///a/b?db=2", "unix:///a/b"])
    func describesWhatItReads(text: String) throws {
        #expect(try "\(RedisURL(text))" == text)
    }
}
