import Subprocess
import SystemPackage

/// How a process is to be started.
struct Launch: Sendable {
    enum Variables: Sendable {
        /// This process's variables with changes; nil removes one.
        case inherited([String: String?])
        /// Only the variables that every program needs, and these, so that a developer's `PGPORT` or `LC_ALL` changes
        /// nothing.
        case minimal([String: String])
    }

    enum Output: Sendable {
        case lines
        /// Standard output and error appended to this file.
        case file(String)
    }

    var executable: String
    var arguments: [String]
    var environment: Variables = .minimal([:])
    var workingDirectory: String?
    /// Whom to run as; nil for this process's own user.
    var user: ServerUser?
    var output = Output.lines
    var farewell = Guardian.Farewell.kill

    func configuration(mark: String) -> Configuration {
        var options = PlatformOptions()
        options.createSession = true
        // The user is not changed by the options for it: they do so between fork and exec, where setgroups() waits for
        // ever if another thread of this process was inside the C library at the wrong moment.
        var command = [executable] + arguments
        if let user {
            let change = ["--reuid=\(user.user)", "--regid=\(user.group)", "--clear-groups", "--"]
            command = ["/usr/bin/setpriv"] + change + command
        }
        return Configuration(
            executable: .path(FilePath(command[0])),
            arguments: Arguments(Array(command.dropFirst())),
            environment: environment(mark: mark), workingDirectory: workingDirectory.map { FilePath($0) },
            platformOptions: options)
    }

    private func environment(mark: String) -> Environment {
        switch environment {
        case .inherited(let changes):
            var all: [Environment.Key: String?] = [:]
            for (name, value) in changes { all[key(name)] = value }
            all[key(Guardian.markName)] = mark
            return .inherit.updating(all)
        case .minimal(let values):
            var all: [Environment.Key: String] = [:]
            all["PATH"] = Programs.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
            all["HOME"] = "/"
            all["LC_ALL"] = "C"
            for (name, value) in values { all[key(name)] = value }
            all[key(Guardian.markName)] = mark
            return .custom(all)
        }
    }

    private func key(_ name: String) -> Environment.Key { Environment.Key(stringLiteral: name) }
}
