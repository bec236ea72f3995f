internal import BatonConfiguration
internal import PostgresClient
internal import RedisClient

/// Finds what goes over a network as clear text, or to whoever pretends to be the server.
enum Exposure {
    /// A password that everybody on the way can read; nil if there is none.
    static func finding(_ redis: Configuration.Redis) -> Finding? {
        guard case .tcp(let host, _) = redis.url.address, !redis.url.usesTLS, !isLocal(host),
            redis.password ?? redis.url.password != nil
        else { return nil }
        return .warning(
            "The password goes over the network as clear text, and so do the values",
            "Write `rediss://` with the port at which Redis speaks TLS, and `caFile` if the authority is your own")
    }

    /// An `sslmode` that leaves the server unverified, or the connection unencrypted; nil if all is well.
    ///
    /// - Parameter hosts: the hosts of the URL; each of them may be connected to next.
    static func finding(_ connection: PostgresConnection, hosts: [String]) -> Finding? {
        let transport = connection.transport
        guard transport.sslMode != "verify-full", !(hosts + [transport.host]).allSatisfy(isLocal) else { return nil }
        let matter =
            switch transport.sslMode {
            case "verify-ca":
                "whoever has a certificate of the same authority can pretend to be the server"
            case _ where connection.usesTLS:
                "nobody verifies who the server is, and whoever pretends to be it gets the password and decides what is "
                    + "cached"
            default: "rows go over the network as clear text, and nobody verifies who the server is"
            }
        return .warning(
            "sslmode is \(transport.sslMode): \(matter)",
            "Write `?sslmode=verify-full&sslrootcert=/path/of/the/ca.pem` into `postgres.url`")
    }

    /// Whether what goes there stays on this machine.
    static func isLocal(_ host: String) -> Bool {
        let host = host.lowercased()
        // Sockets of the file system, and those of Linux without one.
        if host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") { return true }
        if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
