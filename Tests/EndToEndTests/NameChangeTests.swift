import Drills
import Foundation
import LocalStack
import Testing

/// A process may see an `/etc/hosts` of its own, in a mount namespace that lasts as long as the process does; nobody
/// else's is touched.
private struct HostsFile {
    let path: String

    /// Writes into the same file, for it is the file that is mounted, and not its name.
    func set(_ name: String, to address: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs("127.0.0.1 localhost\n\(address) \(name)\n", file)
        #expect(fclose(file) == 0)
    }

    /// What comes before a command that is to see it.
    var wrapper: [String] {
        ["unshare", "--mount", "sh", "-c", "mount --bind '\(path)' /etc/hosts && exec \"$@\"", "sh"]
    }

    /// Whether it can be had here.
    static let isPossible = Task {
        guard geteuid() == 0 else { return false }
        let trial = HostsFile(path: "/dev/null").wrapper + ["true"]
        return try await ChildProcess.start(trial[0], Array(trial.dropFirst())).wait().isSuccess
    }
}

@Suite(
    "A Redis that moves to another address",
    .enabled("needs root, the program unshare, and a kernel that lets a process have mounts of its own") {
        (try? await HostsFile.isPossible.value) ?? false
    })
struct NameChangeTests {
    @Test(
        "is found there under its name, whether the old one is gone or still answers", arguments: [true, false])
    func moves(oldOneIsGone: Bool) async throws {
        let folder = try await Workspace.create(prefix: "baton-hosts")
        try await Cluster.with(sql: ReplicaTests.schema, datasets: ReplicaTests.datasets) { cluster in
            var options = LocalRedis.Options()
            options.port = cluster.redis.port
            options.configuration = ["bind 127.0.0.2"]
            try await LocalRedis.withServer(options) { other in
                let hosts = HostsFile(path: "\(folder.path)/hosts")
                try hosts.set("cache.test", to: "127.0.0.1")
                let replica = try await cluster.start(
                    "a", environment: ["BATON_REDIS_MAIN_URL": other.url(host: "cache.test", port: other.port)],
                    through: hosts.wrapper)
                try await eventually("the first address to be used") {
                    try await cluster.command("EXISTS", "merchant:100") == "1"
                }
                #expect(try await cluster.command("-h", "127.0.0.2", "DBSIZE") == "0")

                try hosts.set("cache.test", to: "127.0.0.2")
                // A connection that works is kept, whatever its name means by now.
                #expect(try await cluster.leader()?.name == "a")
                if oldOneIsGone {
                    await cluster.redis.kill()
                } else {
                    for kind in ["normal", "pubsub"] { _ = try await cluster.command("CLIENT", "KILL", "TYPE", kind) }
                }
                try await eventually("the new address to be used") {
                    try await cluster.command("-h", "127.0.0.2", "EXISTS", "merchant:100") == "1"
                }
                #expect(try await cluster.command("-h", "127.0.0.2", "EXISTS", "{baton:default}:lease") == "1")
                #expect(replica.process.isRunning)
                #expect(try !String(contentsOfFile: "/etc/hosts", encoding: .utf8).contains("cache.test"))
            }
        }
        await folder.close()
    }
}
