import TestSupport
import Testing

@testable import BatonConfiguration

@Suite("http.listen")
struct ListenAddressTests {
    @Test(
        "is host and port",
        arguments: [
            ("0.0.0.0:8080", "0.0.0.0", 8080), ("localhost:0", "localhost", 0), ("[::]:65535", "::", 65535),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1), ("my-host_1.internal:80", "my-host_1.internal", 80),
        ])
    func accepted(_ text: String, host: String, port: Int) throws {
        let address = ListenAddress(host: host, port: port)
        #expect(ListenAddress(text) == address)
        #expect(address.description == text)
        let fixture = try ConfigurationFixture(ConfigurationFixture.plain + "http: { listen: \"\(text)\" }\n")
        #expect(try fixture.load().http.listen == address)
    }

    @Test("is nowhere unless said, and by an empty variable again")
    func off() throws {
        #expect(try ConfigurationFixture().load().http.listen == nil)
        let fixture = try ConfigurationFixture(ConfigurationFixture.plain + "http: { listen: \"[::]:80\" }\n")
        #expect(try fixture.load(["BATON_HTTP_LISTEN": ""]).http.listen == nil)
        #expect(try fixture.load(["BATON_HTTP_LISTEN": "a:1"]).http.listen == ListenAddress(host: "a", port: 1))
    }

    @Test(
        "refuses everything else, with place and remedy",
        arguments: [
            "8080", ":8080", "a", "a:", "a:65536", "a:-1", "a:08", "a:1x", "::1:80", "[]:80", "[a]:80", "[::1]",
            "[::1:80",
            "::1]:80", "http://a:80", "a b:80", "a/b:80", "a%0:1",
        ])
    func refused(_ text: String) throws {
        let fixture = try ConfigurationFixture(ConfigurationFixture.plain + "http: { listen: \"\(text)\" }\n")
        #expect(
            fixture.refusals() == [
                "baton.yaml:4:17: http.listen: `\(text)` is not an address to listen on. Write host and port, such as "
                    + "`0.0.0.0:8080` or `[::]:8080`, or \"\" for none."
            ])
    }
}
