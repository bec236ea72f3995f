import Glibc

/// The unprivileged user that the servers run as: PostgreSQL refuses to run as root.
struct ServerUser: Hashable, Sendable {
    let name: String
    let user: uid_t
    let group: gid_t

    /// Whom to run servers as; nil when this process is unprivileged itself, and they simply run as the same user.
    static let forServers: ServerUser? = geteuid() == 0 ? lookUp("postgres") ?? lookUp("nobody") : nil

    private static func lookUp(_ name: String) -> ServerUser? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return ServerUser(name: name, user: entry.pw_uid, group: entry.pw_gid)
    }
}
