import Glibc
import Testing

@testable import LocalStack

@Suite struct ChildProcessTests {
    @Test func linesAndExitCode() async throws {
        let child = try await ChildProcess.start("sh", ["-c", "echo one; echo; printf three; echo oops >&2; exit 3"])
        #expect(await lines(of: child.standardOutput) == ["one", "", "three"])
        #expect(await lines(of: child.standardError) == ["oops"])
        #expect(await child.wait() == .exited(3))
        #expect(child.exitStatus == .exited(3))
    }

    @Test func nothingOfTheLastWordsIsLost() async throws {
        let child = try await ChildProcess.start("sh", ["-c", "seq 1 20000; kill -9 $$"])
        #expect(await child.wait() == .signalled(SIGKILL))
        #expect(await lines(of: child.standardOutput).count == 20_000)
    }

    @Test func outputThatNobodyReadsDoesNotBlockIt() async throws {
        let child = try await ChildProcess.start("sh", ["-c", "seq 1 100000"])
        #expect(await child.wait(atMost: .seconds(30)) == .exited(0))
        #expect(await lines(of: child.standardOutput).last == "100000")
    }

    @Test func environmentAndFolder() async throws {
        let child = try await ChildProcess.start(
            "sh", ["-c", "echo \"$A ${HOME-none}\"; pwd"], environment: ["A": "1", "HOME": nil],
            workingDirectory: "/usr")
        #expect(await lines(of: child.standardOutput) == ["1 none", "/usr"])
    }

    @Test func aRequestToEndAndItsLimit() async throws {
        let polite = try await ChildProcess.start("sleep", ["1000"])
        #expect(await polite.terminate() == .signalled(SIGTERM))

        let stopped = try await ChildProcess.start("sleep", ["1000"])
        try stopped.signal(SIGSTOP)
        #expect(await stopped.terminate() == .signalled(SIGTERM))

        let deaf = try await ChildProcess.start("sh", ["-c", "trap '' TERM; echo ready; sleep 1000 & wait; wait"])
        var output = deaf.standardOutput.makeAsyncIterator()
        #expect(await output.next() == "ready")
        #expect(await deaf.wait(atMost: .milliseconds(10)) == nil)
        #expect(await deaf.terminate(grace: .milliseconds(100)) == .signalled(SIGKILL))
    }

    @Test func aProcessThatHasEndedCannotBeSignalled() async throws {
        let child = try await ChildProcess.start("true")
        _ = await child.wait()
        #expect(!child.isRunning)
        let error = #expect(throws: LocalStackError.self) { try child.signal(SIGTERM) }
        #expect(error?.code == .notRunning)
    }

    @Test(arguments: ["no-such-program", "/no/such/program", "/etc/passwd", "/tmp"])
    func whatCannotBeRunIsRefused(program: String) async throws {
        let error = await #expect(throws: LocalStackError.self) { _ = try await ChildProcess.start(program) }
        #expect(error?.code == .missingProgram)
        #expect(error?.message.contains(program) == true)
    }

    private func lines(of stream: AsyncStream<String>) async -> [String] {
        await stream.reduce(into: []) { $0.append($1) }
    }
}
