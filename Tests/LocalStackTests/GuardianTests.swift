import Glibc
import Testing

@testable import LocalStack

/// Each test lets a process of its own die, and looks at what is left.
@Suite struct GuardianTests {
    @Test func killedWithRunningServersItLeavesNothing() async throws {
        let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let workspace = try await Workspace.create(prefix: "guardian test")
            async let redis = LocalRedis.start(in: workspace)
            async let postgres = LocalPostgres.start(in: workspace)
            try await redis.signal(SIGSTOP)
            try await postgres.signalAll(SIGSTOP)
            let family = try await ChildProcess.start("sh", ["-c", "sleep 1000 & echo $!; wait"])
            var output = family.standardOutput.makeAsyncIterator()
            let grandchild = await output.next() ?? ""
            report("\(workspace.path)\n\(family.pid)\n\(grandchild)")
            raise(SIGKILL)
        }
        try await expectNothingLeft(result)
    }

    @Test func exitingWithoutClosingItLeavesNothing() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let workspace = try await Workspace.create(prefix: "guardian-test")
            let redis = try await LocalRedis.start(in: workspace)
            report("\(workspace.path)\n\(redis.pid ?? 0)")
            exit(0)
        }
        try await expectNothingLeft(result)
    }

    /// The moments between the birth of a process and its entry on the guardian's list are covered too.
    @Test(arguments: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]) func killedWhileStarting(milliseconds: Int)
        async throws
    {
        let result = await #expect(
            processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]
        ) { [milliseconds] in
            let workspace = try await Workspace.create(prefix: "guardian-test")
            report(workspace.path)
            Task { try await LocalRedis.start(in: workspace) }
            Task { try await ChildProcess.start("sleep", ["1000"], workingDirectory: workspace.path) }
            Task { try await LocalPostgres.start(in: workspace) }
            try await Task.sleep(for: .milliseconds(milliseconds))
            raise(SIGKILL)
        }
        try await expectNothingLeft(result)
    }

    /// Whoever has a number that once was ours is left alone.
    @Test func whatWasTakenOffTheListLives() async throws {
        let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let unmarked = ["-u", Guardian.markName, "sleep", "1000"]
            let spared = try await ChildProcess.start("env", unmarked)
            let listed = try await ChildProcess.start("env", unmarked)
            // Once `sleep` has taken over, there is no mark in the environment by which it could be found.
            for child in [spared, listed] {
                _ = try await eventually { Files.readTail("/proc/\(child.pid)/comm") == "sleep\n" }
            }
            try await Guardian.shared().forget(process: spared.pid)
            report("\(spared.pid)\n\(listed.pid)")
            raise(SIGKILL)
        }
        let lines = try reported(result)
        let (spared, listed) = (try #require(Int32(lines[0])), try #require(Int32(lines[1])))
        #expect(try await eventually { !isAlive(listed) })
        #expect(isAlive(spared))
        Glibc.kill(spared, SIGKILL)
    }

    @Test func workspacesDoNotDisturbEachOther() async throws {
        async let one = Workspace.create(prefix: "one")
        async let two = Workspace.create(prefix: "two")
        let (first, second) = try await (one, two)
        async let redisOne = LocalRedis.start(in: first)
        async let redisTwo = LocalRedis.start(in: second)
        async let postgresOne = LocalPostgres.start(in: first)
        async let postgresTwo = LocalPostgres.start(in: second)
        let (ended, living) = try await ((redisOne, postgresOne), (redisTwo, postgresTwo))
        await first.close()
        await first.close()
        #expect(!ended.0.isRunning && !ended.1.isRunning)
        #expect(!Files.exists(first.path))
        #expect(try await redis(living.0, "PING") == "PONG")
        #expect(try await living.1.run(sql: "select 1") == "1")
        await #expect(throws: LocalStackError.self) { _ = try await LocalRedis.start(in: first) }
        await second.close()
        #expect(processes(in: second.path).isEmpty)
    }

    // MARK: Observing a process that dies

    private func reported(_ result: ExitTest.Result?) throws -> [String] {
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        // The runner may print lines of its own around ours.
        return output.split(separator: "\n").filter { $0.hasPrefix(marker) }.map { String($0.dropFirst(marker.count)) }
    }

    /// The first line is a folder, the others are processes: all must go.
    private func expectNothingLeft(_ result: ExitTest.Result?) async throws {
        let lines = try reported(result)
        let folder = try #require(lines.first)
        #expect(try await eventually { !Files.exists(folder) }, "\(folder) is still there")
        #expect(try await eventually { processes(in: folder).isEmpty })
        for pid in lines.dropFirst().compactMap({ Int32($0) }) {
            #expect(try await eventually { !isAlive(pid) }, "process \(pid) still runs")
        }
    }
}

private let marker = "report: "

/// Tells the observing test something, at once.
private func report(_ text: String) {
    for line in text.split(separator: "\n") {
        let bytes = Array("\n\(marker)\(line)\n".utf8)
        write(STDOUT_FILENO, bytes, bytes.count)
    }
}
