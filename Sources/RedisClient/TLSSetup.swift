internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// How one connection is encrypted, and the name that the other side's certificate must bear.
struct TLSSetup: Sendable {
    private let context: NIOSSLContext
    /// The name that the certificate must bear; `nil` if the host is an IP address, which NIOSSL checks by the socket.
    private let serverHostname: String?
    /// Name or address, for errors.
    let expectedName: String

    /// - Parameters:
    ///   - serverName: ``RedisTLS/serverName``.
    ///   - address: where the connection goes.
    init(
        _ material: TLSMaterial, serverName: String?, at address: RedisURL.Address
    ) throws(RedisError) {
        guard case .tcp(let host, _) = address else {
            throw .tlsSetup("There is no TLS on a unix-domain socket: write unix:// for rediss://.")
        }
        let name = serverName ?? host
        if Self.isIPAddress(name) {
            guard name == host else {
                throw .tlsSetup("TLS serverName is an IP address other than the host: leave it out or use a DNS name.")
            }
            self.serverHostname = nil
        } else {
            self.serverHostname = name
        }
        self.expectedName = name
        self.context = material.context
    }

    /// A handler for one channel.
    func makeHandler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: self.context, serverHostname: self.serverHostname)
    }

    /// Whether a certificate, which NIOSSL has verified, really bears the expected name. NIOSSL also accepts one that
    /// bears the socket's address instead of the name; so whoever misleads the name's resolution could use a
    /// certificate for an address of his own.
    func accepts(_ certificate: NIOSSLCertificate) -> Bool {
        guard let expected = self.serverHostname else { return true }
        let names = certificate._subjectAlternativeNames()
        // Without alternative names NIOSSL has compared the common name.
        return names.isEmpty
            || names.contains { name in
                name.nameType == .dnsName
                    && Self.matches(pattern: String(decoding: name.contents, as: UTF8.self), expected)
            }
    }

    /// Whether a certificate's name covers a host: the same, or `*` for the whole first label (RFC 6125, 6.4.3).
    static func matches(pattern: String, _ host: String) -> Bool {
        let pattern = pattern.lowercased()[...]
        var host = host.lowercased()[...]
        if host.hasSuffix(".") { host = host.dropLast() }
        guard pattern.hasPrefix("*.") else { return pattern == host }
        guard let dot = host.firstIndex(of: "."), dot != host.startIndex else { return false }
        return pattern.dropFirst() == host[dot...]
    }

    private static func isIPAddress(_ text: String) -> Bool {
        (try? SocketAddress(ipAddress: text, port: 0)) != nil
    }
}

extension RedisError {
    static func tlsSetup(_ message: String, _ error: (any Error)? = nil) -> RedisError {
        RedisError(code: .tls, delivery: .notSent, message: message, underlying: error.map(tlsText))
    }

    /// The words of TLS about an error, without the place in its source: `… at /some/path/handshake.cc:295`.
    private static func tlsText(_ error: any Error) -> String {
        "\(error)".replacing(#/ at [^ ]+:[0-9]+(?=[,\])]|$)/#, with: "")
    }

    static func wrongServerName(_ name: String) -> RedisError {
        RedisError(
            code: .tls, delivery: .notSent,
            message: "The server's certificate is not made out to \(name): set serverName to a name that it bears.")
    }

    static let noTLSInTime = RedisError(
        code: .timeout, delivery: .notSent,
        message: "The server did not finish the TLS handshake in time: check that its port speaks TLS.")

    /// The meaning of an error of the socket or of TLS.
    static func transport(_ error: any Error, expectedName: String?) -> RedisError {
        let text = tlsText(error)
        switch error {
        case NIOSSLError.uncleanShutdown:
            return .closedByPeer
        case let extra as NIOSSLExtraError where extra == .failedToValidateHostname:
            return .wrongServerName(expectedName ?? "the server")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            return RedisError(
                code: .tls, delivery: .notSent, message: Self.tlsAdvice(text, expectedName ?? "the server"),
                underlying: text)
        default:
            return RedisError(
                code: .closed, delivery: .notSent, message: Self.brokenMessage,
                underlying: cause(error))
        }
    }

    static let brokenMessage = "The connection broke: open a new one."

    private static func tlsAdvice(_ text: String, _ name: String) -> String {
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "The certificate of \(name) is not signed by a trusted authority or has expired: check the caFile."
        }
        if text.contains("CERTIFICATE_REQUIRED") || text.contains("HANDSHAKE_FAILURE") {
            return "The server wants a client certificate: set certificateFile and keyFile."
        }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("EOF during handshake") {
            return "The server does not speak TLS on this port: use its TLS port."
        }
        if text.contains("UNKNOWN_CA") || text.contains("BAD_CERTIFICATE") {
            return "The server does not accept the client certificate: check that its authority signed it."
        }
        return "The connection cannot be encrypted: check the TLS settings of both sides."
    }
}
