import Glibc

/// Finds the programs of the servers and says what to install when one is missing.
enum Programs {
    /// The path of `name`, which is either a path itself or looked up in the folders of `path`.
    static func find(
        _ name: String, package: String? = nil, in path: String? = environment("PATH")
    ) throws(LocalStackError) -> String {
        if name.contains("/") {
            guard Files.isProgram(name) else { throw missing(name, package: package) }
            return name
        }
        // Folders for administrators are often missing from the PATH of ordinary users.
        var folders: [Substring] = (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        folders += ["/usr/local/sbin", "/usr/sbin"]
        for folder in folders where Files.isProgram("\(folder)/\(name)") { return "\(folder)/\(name)" }
        throw missing(name, package: package)
    }

    /// The folder with `initdb`, `postgres` and `psql`: `folder`, or if that is nil the one of the newest PostgreSQL
    /// installed.
    static func postgresFolder(
        _ folder: String? = nil, root: String = "/usr/lib/postgresql", path: String? = environment("PATH")
    ) throws(LocalStackError) -> String {
        if let folder {
            _ = try find("\(folder)/postgres")
            return folder
        }
        let versions = entries(of: root).compactMap { name in Int(name).map { ($0, name) } }.sorted { $0.0 > $1.0 }
        for (_, name) in versions where Files.isProgram("\(root)/\(name)/bin/postgres") {
            return "\(root)/\(name)/bin"
        }
        // Distributions other than Debian put the server's programs on the PATH.
        let initdb = try find("initdb", package: "postgresql", in: path)
        return String(initdb.dropLast("/initdb".count))
    }

    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    private static func missing(_ name: String, package: String?) -> LocalStackError {
        let advice = package.map { "; install it with `make deps` or `apt-get install \($0)`" } ?? ""
        return LocalStackError(.missingProgram, "the program \(name) was not found\(advice)")
    }

    private static func entries(of folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names
    }
}
