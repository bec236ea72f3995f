import Glibc
import Testing

@testable import LocalStack

/// `Scripts/install-dependencies` in a system of its own, where installing something takes as long as a file is there.
@Suite struct InstallDependenciesTests {
    @Test func servicesAreNotStartedAndEverythingIsPutBack() async throws {
        try await FakeSystem.with { system in
            let run = try await system.start()
            #expect(await run.wait() == .exited(0))
            // postgresql-common comes first, for its file; then everything.
            #expect(system.events == ["begins", "ends, services 101", "begins", "ends, services 101"])
            system.expectUntouched()
        }
    }

    /// With everything installed there is nothing to do but this.
    @Test func whatAKilledRunLeftIsPutBackByTheNext() async throws {
        try await FakeSystem.with { system in
            try system.hold()
            let run = try await system.start()
            try await system.wait(forEvents: 1)
            #expect(Glibc.kill(-run.pid, SIGKILL) == 0)
            _ = await run.wait()
            #expect(system.policy.contains("101"))
            try system.installEverything()
            #expect(await (try system.start()).wait() == .exited(0))
            system.expectUntouched()
            #expect(system.events == ["begins"])
        }
    }

    @Test func ofTwoAtOnceNeitherUndoesTheOther() async throws {
        try await FakeSystem.with { system in
            try system.hold()
            let first = try await system.start()
            try await system.wait(forEvents: 1)
            let second = try await system.start()
            var said = second.standardError.makeAsyncIterator()
            #expect(await said.next()?.contains("another run") == true)
            system.release()
            #expect(await first.wait() == .exited(0))
            #expect(await second.wait() == .exited(0))
            #expect(system.events.filter { $0.hasPrefix("ends") } == Array(repeating: "ends, services 101", count: 4))
            system.expectUntouched()
        }
    }

    /// What it started goes on by itself, and still must not start services.
    @Test func theNextRunWaitsForWhatAKilledOneStarted() async throws {
        try await FakeSystem.with { system in
            try system.hold()
            let first = try await system.start()
            try await system.wait(forEvents: 1)
            await first.kill()
            let second = try await system.start()
            var said = second.standardError.makeAsyncIterator()
            #expect(await said.next()?.contains("another run") == true)
            system.release()
            #expect(await second.wait() == .exited(0))
            #expect(system.events.filter { $0.hasPrefix("ends") } == Array(repeating: "ends, services 101", count: 3))
            system.expectUntouched()
        }
    }
}

/// A folder that the script takes for the root of the file system, and programs that it takes for the system's.
private struct FakeSystem {
    private let root: String

    private static let policyBefore = "#!/bin/sh\nexit 42\n"
    private static let clustersBefore = "create_main_cluster = true\n"
    private static let repository = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")
    private static let aptGet = """
        #!/bin/sh
        case "$*" in *install*) ;; *) exit 0 ;; esac
        echo begins >>"$INSTALL_ROOT/events"
        while [ -e "$INSTALL_ROOT/hold" ]; do sleep 0.02; done
        status=0
        "$INSTALL_ROOT/usr/sbin/policy-rc.d" || status=$?
        echo "ends, services $status" >>"$INSTALL_ROOT/events"

        """

    static func with(_ body: (FakeSystem) async throws -> Void) async throws {
        let workspace = try await Workspace.create(prefix: "install-test")
        let system = FakeSystem(root: workspace.path)
        for folder in ["usr", "usr/sbin", "etc", "etc/postgresql-common", "bin"] {
            try Files.makeFolder("\(system.root)/\(folder)", mode: 0o755)
        }
        try system.add("usr/sbin/policy-rc.d", policyBefore)
        try Files.write(clustersBefore, to: system.clustersPath)
        for name in ["sh", "grep", "mv", "cp", "rm", "chmod", "sleep", "flock"] {
            #expect(symlink(try Programs.find(name), "\(system.root)/bin/\(name)") == 0)
        }
        try system.add("bin/id", "#!/bin/sh\necho 0\n")
        try system.add("bin/apt-get", aptGet)
        do {
            try await body(system)
        } catch {
            system.release()
            await workspace.close()
            throw error
        }
        await workspace.close()
    }

    func start() async throws -> ChildProcess {
        try await ChildProcess.start(
            "/bin/sh", ["\(Self.repository)/Scripts/install-dependencies"],
            environment: ["PATH": "\(root)/bin", "INSTALL_ROOT": root])
    }

    func hold() throws { try Files.write("", to: "\(root)/hold") }
    func release() { unlink("\(root)/hold") }

    /// Puts everything there that the script looks for.
    func installEverything() throws {
        for name in [
            "git", "make", "openssl", "pkg-config", "redis-server", "redis-cli", "initdb", "psql", "jq", "pgrep", "ip",
        ] {
            try add("bin/\(name)", "#!/bin/sh\n")
        }
    }

    /// What installing did.
    var events: [String] {
        (Files.readTail("\(root)/events") ?? "").split(separator: "\n").map { String($0) }
    }

    func wait(forEvents count: Int) async throws {
        #expect(try await eventually { events.count >= count })
    }

    var policy: String { Files.readTail("\(root)/usr/sbin/policy-rc.d") ?? "" }
    private var clustersPath: String { "\(root)/etc/postgresql-common/createcluster.conf" }

    func expectUntouched(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(policy == Self.policyBefore, sourceLocation: sourceLocation)
        #expect(Files.readTail(clustersPath) == Self.clustersBefore, sourceLocation: sourceLocation)
        for path in ["\(root)/usr/sbin/policy-rc.d", clustersPath] {
            for suffix in [".before-baton", ".before-baton.new", ".new"] {
                #expect(!Files.exists(path + suffix), sourceLocation: sourceLocation)
            }
        }
    }

    private func add(_ path: String, _ text: String) throws {
        try Files.write(text, to: "\(root)/\(path)", mode: 0o755)
    }
}
