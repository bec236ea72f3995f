internal import NIOCore
internal import NIOSSL

/// The keys and certificates that TLS connections need, read and checked. Two are equal if their files held the same.
struct TLSMaterial: Sendable, Equatable {
    private struct Content: Hashable, Sendable {
        var authorities: [NIOSSLCertificate]?
        var chain: [NIOSSLCertificate] = []
        var key: NIOSSLPrivateKey?
    }

    private let content: Content
    let context: NIOSSLContext

    static func == (left: TLSMaterial, right: TLSMaterial) -> Bool { left.content == right.content }

    /// Reads the files, which may block.
    init(_ tls: RedisTLS) throws(RedisError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .fullVerification
        configuration.minimumTLSVersion = .tlsv12
        // A server that hangs must not keep our socket open for long.
        configuration.shutdownTimeout = .milliseconds(250)
        var content = Content()
        if let file = tls.caFile {
            let authorities = try Self.certificates(file, what: "TLS caFile")
            content.authorities = authorities
            configuration.trustRoots = .certificates(authorities)
        }
        if let file = tls.certificateFile {
            let key = try Self.key(tls.keyFile ?? file)
            content.chain = try Self.certificates(file, what: "TLS certificateFile")
            content.key = key
            configuration.certificateChain = content.chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
        } else if tls.keyFile != nil {
            throw .tlsSetup("A TLS keyFile was given without its certificateFile: give both or none.")
        }
        self.content = content
        do {
            self.context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .tlsSetup("The TLS certificate and key cannot be used: check that they belong together.", error)
        }
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
}
