internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// What one `rediss://` connection needs: keys and certificates, read and checked, and the name to look for. Two are
/// equal if their files held the same.
struct TLSSetup: Sendable, Equatable {
    /// What the files held.
    private struct Material: Hashable, Sendable {
        var authorities: [NIOSSLCertificate]?
        var chain: [NIOSSLCertificate] = []
        var key: NIOSSLPrivateKey?
    }

    private let material: Material
    private let context: NIOSSLContext
    /// The name that the certificate must bear; `nil` if the host is an IP address, which NIOSSL checks by the socket.
    private let serverHostname: String?
    /// Name or address, for errors.
    let expectedName: String

    static func == (left: TLSSetup, right: TLSSetup) -> Bool {
        left.material == right.material && left.expectedName == right.expectedName
    }

    /// Reads the files, which may block.
    ///
    /// - Returns: `nil` without TLS.
    static func read(for configuration: RedisConfiguration) throws(RedisError) -> TLSSetup? {
        guard configuration.url.usesTLS, case .tcp(let host, _) = configuration.url.address else { return nil }
        return try TLSSetup(configuration.tls, host: host)
    }

    private init(_ tls: RedisTLS, host: String) throws(RedisError) {
        let name = tls.serverName ?? host
        if Self.isIPAddress(name) {
            guard name == host else {
                throw .tlsSetup("TLS serverName is an IP address other than the host: leave it out or use a DNS name.")
            }
            self.serverHostname = nil
        } else {
            self.serverHostname = name
        }
        self.expectedName = name

        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .fullVerification
        configuration.minimumTLSVersion = .tlsv12
        // A server that hangs must not keep our socket open for long.
        configuration.shutdownTimeout = .milliseconds(250)
        var material = Material()
        if let file = tls.caFile {
            let authorities = try Self.certificates(file, what: "TLS caFile")
            material.authorities = authorities
            configuration.trustRoots = .certificates(authorities)
        }
        if let file = tls.certificateFile {
            let key = try Self.key(tls.keyFile ?? file)
            material.chain = try Self.certificates(file, what: "TLS certificateFile")
            material.key = key
            configuration.certificateChain = material.chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
        } else if tls.keyFile != nil {
            throw .tlsSetup("A TLS keyFile was given without its certificateFile: give both or none.")
        }
        self.material = material
        do {
            self.context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .tlsSetup("The TLS certificate and key cannot be used: check that they belong together.", error)
        }
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

    private static func certificates(_ file: String, what: String) throws(RedisError) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMFile(file)
        } catch {
            throw .tlsSetup("The \(what) '\(file)' cannot be read as PEM certificates: check path and content.", error)
        }
        guard !certificates.isEmpty else {
            throw .tlsSetup("The \(what) '\(file)' holds no certificate: check path and content.")
        }
        return certificates
    }

    private static func key(_ file: String) throws(RedisError) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(file: file, format: .pem)
        } catch {
            throw .tlsSetup("The TLS keyFile '\(file)' cannot be read as a PEM key: check path and content.", error)
        }
    }

    private static func isIPAddress(_ text: String) -> Bool {
        (try? SocketAddress(ipAddress: text, port: 0)) != nil
    }
}

extension RedisError {
    fileprivate static func tlsSetup(_ message: String, _ error: (any Error)? = nil) -> RedisError {
        RedisError(code: .tls, delivery: .notSent, message: message, underlying: error.map(tlsText))
    }

    /// What TLS says of an error, without the place in its source: `… at /some/path/handshake.cc:295`.
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

    /// What an error of the socket or of TLS means.
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
