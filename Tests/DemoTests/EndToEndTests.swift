import Drills
import Glibc
import LocalStack
import Testing

/// The program itself, as people start it.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct EndToEndTests {
    @Test func onePassOfEverythingIsEqual() async throws {
        try await Program.with(["demo", "--once", "--all", "--rows", "300"]) { program in
            let lines = await program.outputLines()
            #expect(await program.child.wait() == .exited(0))
            for dataset in ["merchants", "plugin_configs", "plugin_pay_types", "users", "appUsers", "oaUsers"] {
                #expect(lines.contains { $0.hasPrefix(dataset) }, "\(dataset) in \(lines)")
            }
            #expect(lines.contains { $0.hasPrefix("All 2,130 keys are as PostgreSQL's to_jsonb says") }, "\(lines)")
            try await program.expectNothingLeft()
        }
    }

    @Test func onePassCanFail() async throws {
        let datasets = """
            version: 1
            datasets:
              dice:
                query: select id, random() as eyes from plugins
                identity: [id]
                key: "dice:{id}"
            """
        try await Program.with(["demo", "--once", "--rows", "10"], datasets: datasets) { program in
            let lines = await program.outputLines()
            #expect(await program.child.wait() == .exited(1))
            #expect(lines.contains { $0.hasPrefix("NOT EQUAL: 0 of 40 keys") }, "\(lines)")
            #expect(lines.contains { $0.hasPrefix("dice: dice:1 eyes is 0.") }, "\(lines)")
            try await program.expectNothingLeft()
        }
    }

    @Test func saysWhichPassFailed() async throws {
        let datasets = """
            version: 1
            datasets:
              ghosts: { table: ghosts, identity: [id], key: "ghost:{id}" }
            """
        try await Program.with(["demo", "--once", "--rows", "10"], datasets: datasets) { program in
            let errors = await program.errorLines()
            #expect(await program.child.wait() == .exited(1))
            #expect(errors.contains { $0.contains("A pass failed") && $0.contains("ghosts") }, "\(errors)")
            try await program.expectNothingLeft()
        }
    }

    @Test func endsByItself() async throws {
        try await Program.with(["demo", "--for", "15s", "--rows", "100", "--replicas", "2"]) { program in
            let lines = await program.outputLines()
            #expect(await program.child.wait() == .exited(0))
            #expect(lines.contains { $0.contains("redis-cli -p ") && $0.contains("get merchant:1") })
            #expect(lines.contains { $0.contains("  . /") && $0.contains("/demo.env ") })
            let ended = lines.last?.firstMatch(of: /^The demo ended after ([0-9]+):([0-9]+):/)
            let seconds = ended.map { (Int($0.1) ?? 0) * 60 + (Int($0.2) ?? 0) } ?? 0
            #expect(seconds >= 15, "\(lines)")
            try await program.expectNothingLeft()
        }
    }

    @Test(arguments: [
        (SIGINT, ChildProcess.ExitStatus.exited(0)), (SIGTERM, .exited(0)), (SIGKILL, .signalled(SIGKILL)),
    ])
    func leavesNothingBehind(signal: Int32, status: ChildProcess.ExitStatus) async throws {
        try await Program.with(["demo", "--rows", "100"]) { program in
            try await program.waitForLine { $0.contains("leads, epoch") }
            #expect(try program.processes().count >= 5)  // PostgreSQL, Redis, three replicas
            try program.child.signal(signal)
            #expect(await program.child.wait(atMost: .seconds(30)) == status)
            try await program.expectNothingLeft()
        }
    }

    @Test func endsAlsoWhileItStarts() async throws {
        try await Program.with(["demo"]) { program in
            try await Task.sleep(for: .milliseconds(300))
            try program.child.signal(SIGINT)
            #expect(await program.child.wait(atMost: .seconds(30)) != nil)
            try await program.expectNothingLeft()
        }
    }

    @Test func namesTheConfigurationThatIsNotThere() async throws {
        try await Program.with(["demo", "--config", "/nowhere/baton.yaml"]) { program in
            let errors = await program.errorLines()
            #expect(await program.child.wait() == .exited(78))
            #expect(errors.contains { $0.contains("/nowhere/baton.yaml") }, "\(errors)")
        }
    }

    @Test func saysWhatToInstall() async throws {
        // A system without Redis: only what is needed to tidy up.
        let workspace = try await Workspace.create(prefix: "demo-path")
        for name in ["rm", "sed", "sleep"] { #expect(symlink("/bin/\(name)", "\(workspace.path)/\(name)") == 0) }
        try await Program.with(["demo", "--once"], environment: ["PATH": workspace.path]) { program in
            let errors = await program.errorLines()
            // PostgreSQL is found outside of PATH, as Debian keeps it.
            #expect(await program.child.wait() == .exited(69))
            #expect(
                errors.contains { $0.contains("redis-server was not found") && $0.contains("make deps") }, "\(errors)")
            try await program.expectNothingLeft()
        }
        await workspace.close()
    }
}

/// `baton`, with a folder of its own for temporary files.
private struct Program {
    let child: ChildProcess
    let folder: String

    static func with(
        _ arguments: [String], datasets: String? = nil, environment: [String: String?] = [:],
        _ body: (Program) async throws -> Void
    ) async throws {
        let workspace = try await Workspace.create(prefix: "demo-test")
        let folder = "\(workspace.path)/tmp"
        #expect(mkdir(folder, 0o711) == 0)
        #expect(chmod(folder, 0o711) == 0)
        var environment = environment
        environment["TMPDIR"] = .some(folder)
        var arguments = arguments
        if !arguments.contains("--config") { arguments += ["--config", "\(repository)/config/baton.yaml"] }
        if let datasets {
            let path = "\(workspace.path)/datasets.yaml"
            try write(datasets, to: path)
            environment["BATON_DATASETS"] = .some(path)
        }
        let child = try await ChildProcess.start(ReplicaProcess.program, arguments, environment: environment)
        do {
            try await body(Program(child: child, folder: folder))
        } catch {
            await child.kill()
            await workspace.close()
            throw error
        }
        await child.kill()
        await workspace.close()
    }

    private static var repository: String {
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    }

    private static func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    // MARK: What it says

    func outputLines() async -> [String] {
        var lines: [String] = []
        for await line in child.standardOutput { lines.append(line) }
        return lines
    }

    func errorLines() async -> [String] {
        var lines: [String] = []
        for await line in child.standardError { lines.append(line) }
        return lines
    }

    func waitForLine(_ isAwaited: (String) -> Bool) async throws {
        for await line in child.standardOutput where isAwaited(line) { return }
        Issue.record("the demo ended before")
    }

    // MARK: What it leaves

    /// All that it started, by the mark in their environment that bears its process id.
    func processes() throws -> [Int32] {
        let directory = try #require(opendir("/proc"))
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let pid = Int32(name), contents("/proc/\(pid)/environ").contains("LOCALSTACK_GUARDIAN=\(child.pid)-")
            else { continue }
            found.append(pid)
        }
        return found
    }

    /// Waits, with a bound, until processes and files are gone: after a SIGKILL somebody else tidies up.
    func expectNothingLeft() async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if try processes().isEmpty, try files().isEmpty { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try processes().isEmpty)
        #expect(try files() == [])
    }

    private func files() throws -> [String] {
        let directory = try #require(opendir(folder))
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private func contents(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
