import Testing

@testable import PostgresClient

@Suite struct ConnectionOptionsTests {
    @Test("Whatever chooses among all hosts of a URL gets all of them")
    func hostsOfURL() throws {
        func hosts(_ url: String) throws -> [String?] {
            try ConnectionOptions(PostgresConfiguration(url: url)).hostByHost.map { options in
                options.values["host"].map { "\($0):\(options.values["port"] ?? "")" }
            }
        }
        #expect(try hosts("postgresql://a:1,b:2/d") == ["a:1", "b:2"])
        #expect(try hosts("host=a,b,c port=7") == ["a:7", "b:7", "c:7"])
        #expect(try hosts("postgresql://a/d") == ["a:"])
        #expect(try hosts("host=a,b port=1,2,3") == ["a,b:1,2,3"])
        #expect(try hosts("host=a,b target_session_attrs=prefer-standby") == ["a,b:"])
    }

    @Test(
        "A host is shown with its port if it has one, an IPv6 address in brackets",
        arguments: [
            ("postgresql://a:1,b:2/d", ["a:1", "b:2"]), ("postgresql://a,b/d", ["a", "b"]),
            ("postgresql://a/d", ["a"]), ("host=a,b port=7", ["a:7", "b:7"]),
            ("postgresql://[::1]:1,[fe80::2]/d", ["[::1]:1", "[fe80::2]"]),
            ("host=/run/x,b port=5,", ["/run/x:5", "b"]), ("host=a,b port=1,2,3", ["a,b:1,2,3"]),
            ("host=a,b port=1,2 target_session_attrs=prefer-standby", ["a:1", "b:2"]),
        ])
    func places(_ url: String, _ places: [String]) throws {
        let configuration = PostgresConfiguration(url: url)
        #expect(configuration.places == places)
        #expect("\(configuration)".contains("://" + places.joined(separator: ",")))
        #expect(configuration.hosts.count == places.count)
    }

    @Test func urlAndKeywordsAreRead() throws {
        let url = try ConnectionOptions(
            PostgresConfiguration(url: "postgresql://ann:geheim@db.example:6543/shop?sslmode=verify-full"))
        #expect(url.values["host"] == "db.example")
        #expect(url.values["port"] == "6543")
        #expect(url.values["password"] == "geheim")
        #expect(url.values["sslmode"] == "verify-full")
        let keywords = try ConnectionOptions(PostgresConfiguration(url: "host=/run/postgresql dbname='my db'"))
        #expect(keywords.values["dbname"] == "my db")
    }

    @Test func whatIsGivenApartGoesFirst() throws {
        let options = try ConnectionOptions(
            PostgresConfiguration(
                url: "postgresql://ann:old@h/d?application_name=url&keepalives_idle=60&client_encoding=LATIN1",
                password: "new", applicationName: "mine"))
        #expect(options.values["password"] == "new")
        #expect(options.values["application_name"] == "mine")
        #expect(options.values["keepalives_idle"] == "60")
        #expect(options.values["keepalives_count"] == "3")
        #expect(options.values["client_encoding"] == "UTF8")
    }

    @Test(arguments: [
        "postgres//ann:geheim@h/d", "redis://ann:geheim@h", "postgresql://ann:geheim@[::1/d",
        "postgresql://ann:geheim%0@h/d", "postgresql://ann:geheim@h:70a/d?x", "host=h password='geheim",
        "postgresql://ann:geheim@h/d?sslmod=require", "postgresql://ann:geheim@h/\0",
    ])
    func anUnreadableURLIsNotRepeated(url: String) {
        let error = #expect(throws: PostgresError.self) { try ConnectionOptions(PostgresConfiguration(url: url)) }
        #expect(error?.code == .usage)
        #expect(error?.description.contains("geheim") == false)
        #expect(error?.description.contains("postgresql://user@host") == true)
    }

    @Test func anUnknownParameterIsNamed() {
        let error = #expect(throws: PostgresError.self) {
            try ConnectionOptions(PostgresConfiguration(url: "postgresql://ann:geheim@h/d?sslmod=require"))
        }
        #expect(error?.message.contains("sslmod") == true)
    }

    @Test func aConfigurationShowsNoPassword() {
        let configuration = PostgresConfiguration(url: "postgresql://ann:geheim@h:1/d", password: "secret")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(text.contains("ann@h:1/d"))
            #expect(!text.contains("geheim") && !text.contains("secret"))
        }
    }

    @Test func responseTimeoutFollowsTheStatementTimeout() {
        #expect(PostgresConfiguration(url: "").effectiveResponseTimeout == .seconds(35))
        #expect(PostgresConfiguration(url: "", statementTimeout: .zero).effectiveResponseTimeout == nil)
        #expect(
            PostgresConfiguration(url: "", statementTimeout: .zero, responseTimeout: .seconds(1))
                .effectiveResponseTimeout == .seconds(1))
    }

    @Test func cStringsLieInOneArray() {
        let texts = ["", "grün", nil, "z"]
        let back = withCStrings(texts) { pointers in
            (0..<texts.count).map { index in pointers[index].map { String(cString: $0) } }
        }
        #expect(back == texts)
        #expect(withCStrings([]) { _ in true })
        #expect(withCStrings([nil]) { $0[0] == nil })
    }
}

@Suite struct GateTests {
    @Test func oneCallAtATime() throws {
        let gate = try Gate()
        try gate.claim(from: .free)
        #expect(throws: PostgresError.self) { try gate.claim(from: .free) }
        gate.release(to: .streaming)
        let error = #expect(throws: PostgresError.self) { try gate.claim(from: .free) }
        #expect(error?.code == .usage)
        try gate.claim(from: .streaming)
        gate.release(to: .free)
        try gate.claim(from: .free)
    }

    @Test func closingIsForGood() throws {
        let gate = try Gate()
        try gate.claim(from: .free)
        gate.close(because: .silent(for: .seconds(1)))
        gate.close(because: .closedByCaller)
        gate.release(to: .free)
        let error = #expect(throws: PostgresError.self) { try gate.claim(from: .free) }
        #expect(error?.code == .closed)
        #expect(error?.message.contains("1.0 seconds") == true)
        #expect(gate.closure?.code == .timeout)
    }
}

@Suite struct HandoverTests {
    @Test func theFirstOutcomeWins() async throws {
        let handover = Handover<Int>()
        async let outcome = handover.outcome()
        #expect(handover.finish(.success(1)))
        #expect(!handover.finish(.failure(.cancelled)))
        #expect(try await outcome.get() == 1)
        #expect(!handover.finish(.success(2)))
    }
}

@Suite struct ConnectFailureTests {
    @Test(
        arguments: [
            (
                "connection to server at \"h\", port 5432 failed: FATAL:  28P01: password refused\nLOCATION:  a, b.c:3",
                "28P01"
            ),
            ("… failed: FATAL:  28000: no entry\n… failed: FATAL:  3D000: database \"x\" does not exist", "3D000"),
            ("connection to server at \"h\", port 5432 failed: Connection refused", nil),
            ("connection to server at \"h\", port 12345 failed: ERROR: DEBUG: PANIC: nothing", nil),
        ] as [(String, String?)])
    func theStateIsFound(text: String, state: String?) {
        let failure = ConnectFailure(text: text, host: "h", port: "1", database: "d", user: "u", lacksPassword: false)
        #expect(failure.sqlState == state)
    }

    @Test(
        arguments: [
            ("-c search_path=a", [("search_path", "a")]),
            ("-csearch_path=a,b  -c x.y=", [("search_path", "a,b"), ("x.y", "")]),
            ("--Work-Mem=64MB", [("work_mem", "64MB")]), ("-c a=b\\ c\\\\ -c d=e", [("a", "b c\\"), ("d", "e")]),
            ("-W 5 -c a=\u{301}b\u{A0}c\n-c", [("a", "\u{301}b\u{A0}c")]), ("", []), ("-c", []), ("--", []),
            ("-c a", []), ("-c a=1 -c b=2 -c A=3", [("b", "2"), ("a", "3")]),
        ] as [(String, [(String, String)])])
    func startupOptionsAreRead(text: String, parameters: [(String, String)]) {
        let found = StartupOptions(text).parameters
        #expect(found.map(\.name) == parameters.map(\.0))
        #expect(found.map(\.value) == parameters.map(\.1))
    }
}
