import NIOHTTP1
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import StatusServer

@Suite("The HTTP server", .timeLimit(.minutes(5)))
struct HTTPServerTests {
    private func withServer(_ body: (String) async throws -> Void) async throws {
        let routes: HTTPRoutes = [
            "/page": { HTTPAnswer(contentType: "text/plain", body: "a page\n") },
            "/full": { HTTPAnswer(status: .serviceUnavailable, contentType: "text/plain", body: "") },
            "/large": { HTTPAnswer(contentType: "text/plain", body: String(repeating: "x", count: 20 << 20)) },
        ]
        let server = try await HTTPServer.start(on: ListenAddress(host: "127.0.0.1", port: 0), routes: routes)
        do {
            try await body(server.address)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test(
        "answers",
        arguments: [
            ("GET /page", 200, "a page\n"), ("GET /page?a=b", 200, "a page\n"), ("HEAD /page", 200, ""),
            ("GET /full", 503, ""), ("HEAD /full", 503, ""), ("GET /", 404, "404 Not Found\n"),
            ("GET /page/", 404, "404 Not Found\n"), ("HEAD /nothing", 404, ""), ("GET *", 404, "404 Not Found\n"),
            ("POST /page", 405, "405 Method Not Allowed\n"), ("DELETE /page", 405, "405 Method Not Allowed\n"),
            ("OPTIONS /page", 405, "405 Method Not Allowed\n"), ("POST /nothing", 404, "404 Not Found\n"),
        ])
    func answers(_ line: String, status: Int, body: String) async throws {
        try await withServer { address in
            let answer = await ProbeClient.asking("\(line) HTTP/1.1\r\nHost: test\r\n\r\n", at: address)
            #expect(answer.status == status)
            #expect(answer.body == body)
            #expect(answer.head.contains("Connection: close"))
            #expect(answer.head.contains("Allow: GET, HEAD") == (status == 405))
        }
    }

    @Test("tells by HEAD how long the page is")
    func head() async throws {
        try await withServer { address in
            let answer = await ProbeClient.asking("HEAD /page HTTP/1.1\r\nHost: test\r\n\r\n", at: address)
            #expect(answer.head.contains("Content-Length: 7\r\n") && answer.head.contains("Content-Type: text/plain"))
        }
    }

    @Test("sends a large page whole, and to one who asks for two the first")
    func large() async throws {
        try await withServer { address in
            let large = await ProbeClient.asking("GET /large HTTP/1.0\r\n\r\n", at: address)
            #expect(large.body.utf8.count == 20 << 20)
            let request = "GET /page HTTP/1.1\r\nHost: test\r\n\r\n"
            #expect(await ProbeClient.asking(request + request, at: address).body == "a page\n")
        }
    }

    @Test(
        "refuses what is too large or no HTTP",
        arguments: [
            ("GET /page HTTP/1.1\r\nx: \(String(repeating: "a", count: 8192))\r\n\r\n", 431),
            ("GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\n\r\n", 431),
            (String(repeating: "x: y\r\n", count: 10) + "\r\n", 400),
            ("GET /page HTTP/1.1\r\n" + String(repeating: "x: y\r\n", count: 2000) + "\r\n", 431),
            ("POST /page HTTP/1.1\r\ncontent-length: 50000\r\n\r\n" + String(repeating: "a", count: 50_000), 413),
            ("\u{16}\u{3}\u{1}\r\n\r\n", 400), ("GET /page HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ])
    func refuses(_ request: String, status: Int) async throws {
        try await withServer { address in
            #expect(await ProbeClient.asking(request, at: address).status == status)
            #expect(await ProbeClient.asking("GET /page HTTP/1.1\r\nHost: a\r\n\r\n", at: address).status == 200)
        }
    }

    @Test("waits five seconds for a request, however slowly it comes")
    func slow() async throws {
        try await withServer { address in
            let begin = ContinuousClock.now
            let socket = try #require(ProbeClient.Socket(address))
            socket.send("GET /page HTTP/1.1\r\nx: ")
            let dripping = Task {
                while !Task.isCancelled {
                    socket.send("y")
                    try await Task.sleep(for: .milliseconds(300))
                }
            }
            async let half = ProbeClient.asking("GET /page HTTP/1.1\r\n", at: address)
            async let nothing = ProbeClient.asking("", at: address)
            #expect(await half.status == 0)
            #expect(await nothing.status == 0)
            #expect(socket.answer().status == 0)
            dripping.cancel()
            let took = begin.duration(to: .now)
            // The clients themselves would wait for a minute.
            #expect(took > .seconds(4) && took < .seconds(30), "\(took)")
        }
    }

    @Test("closes the oldest connection for one too many, so that a probe is always answered")
    func crowd() async throws {
        try await withServer { address in
            var crowd: [ProbeClient.Socket] = []
            for _ in 0..<HTTPServer.connectionLimit * 2 { crowd.append(try #require(ProbeClient.Socket(address))) }
            let request = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n"
            #expect(await ProbeClient.asking(request, at: address).status == 200)
            crowd[0].send(request)
            #expect(crowd[0].answer().status == 0)
            let youngest = try #require(crowd.last)
            youngest.send(request)
            #expect(youngest.answer().status == 200)
        }
    }

    @Test("says why it can't listen")
    func taken() async throws {
        try await withServer { address in
            let taken = try #require(ListenAddress(address))
            let error = await #expect(throws: ListenError.self) {
                _ = try await HTTPServer.start(on: taken, routes: [:])
            }
            #expect(error?.reason == .inUse)
            #expect(
                error?.message
                    == "http.listen: cannot listen on \(address): the port is in use. Stop what listens there, "
                    + "or choose another port.")
        }
        let foreign = await #expect(throws: ListenError.self) {
            _ = try await HTTPServer.start(on: ListenAddress(host: "192.0.2.1", port: 0), routes: [:])
        }
        #expect(foreign?.reason == .noSuchAddress)
        #expect(foreign?.message.contains("no such address") == true)
    }
}
