/// A certificate authority made for the occasion, and what it has signed. Valid for two days.
public struct LocalCertificates: Hashable, Sendable {
    /// The authority's certificate; paths of PEM files throughout.
    public let ca: String
    /// The server's certificate, for `localhost`, `127.0.0.1` and `::1`.
    public let serverCertificate: String
    /// The server's key, readable by the server's user only.
    public let serverKey: String
    /// A client's certificate, for the user `client`.
    public let clientCertificate: String
    /// The client's key.
    public let clientKey: String

    /// Makes an authority, a server's and a client's certificate with the `openssl` program.
    ///
    /// - Throws: ``LocalStackError``: `missingProgram` or `commandFailed`.
    public static func create(in workspace: Workspace) async throws -> LocalCertificates {
        let openssl = try Programs.find("openssl", package: "openssl")
        let folder = try workspace.makeFolder("certificates", mode: 0o755)
        try await Command.run(
            Launch(executable: "/bin/sh", arguments: ["-euc", script, "sh", openssl], workingDirectory: folder))
        let certificates = LocalCertificates(
            ca: "\(folder)/ca.crt", serverCertificate: "\(folder)/server.crt", serverKey: "\(folder)/server.key",
            clientCertificate: "\(folder)/client.crt", clientKey: "\(folder)/client.key")
        try Files.give(certificates.serverKey, to: .forServers)
        return certificates
    }

    private static let script = #"""
        openssl=$1
        key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        "$openssl" req -x509 $key -days 2 -subj '/CN=Local Test CA' -keyout ca.key -out ca.crt \
            -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
        sign() {
            "$openssl" req $key -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
            printf '%s\n' "$3" 'basicConstraints=CA:FALSE' > "$1.ext"
            "$openssl" x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -set_serial "$4" -days 2 \
                -extfile "$1.ext" -out "$1.crt"
            chmod 600 "$1.key"
        }
        sign server localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' 2
        sign client client 'extendedKeyUsage=clientAuth' 3
        chmod 644 ./*.crt
        """#
}
