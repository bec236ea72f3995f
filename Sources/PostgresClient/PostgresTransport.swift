internal import CLibpq

/// Where a server was reached, and how the connection was to be protected: as libpq took it from the URL, from the
/// environment, from files and from its own defaults.
public struct PostgresTransport: Hashable, Sendable {
    /// A name, an address, or the folder of a unix-domain socket; an address that was given beside a name goes before
    /// it.
    public let host: String
    /// The `sslmode` of libpq: `disable`, `allow`, `prefer` (the default), `require`, `verify-ca` or `verify-full`.
    public let sslMode: String

    init(_ pointer: OpaquePointer) {
        var values: [String: String] = [:]
        if let options = PQconninfo(pointer) {
            defer { PQconninfoFree(options) }
            var option = options
            while let keyword = option.pointee.keyword {
                values[String(cString: keyword)] = option.pointee.val.map { String(cString: $0) }
                option += 1
            }
        }
        let address = values["hostaddr"] ?? ""
        host = address.isEmpty ? String(cString: PQhost(pointer)) : address
        sslMode = values["sslmode"] ?? "prefer"
    }
}
