import Drills
import Foundation
import LocalStack
import Testing

@Suite("The runbook, and the page for when something is wrong", .timeLimit(.minutes(10)))
struct RunbookTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    private static func runbook(_ path: String = "RUNBOOK.md") throws -> Runbook {
        Runbook(parsing: try String(contentsOfFile: "\(repository)/\(path)", encoding: .utf8))
    }

    @Test(
        "Every command in it works against the demo, and prints what it says",
        arguments: ["RUNBOOK.md", "docs/troubleshooting.md"])
    func everyBlockRuns(_ path: String) async throws {
        let runbook = try Self.runbook(path)
        try await RunningDemo.with(repository: Self.repository) { demo in
            // Rows are refreshed as soon as one replica is there; the runbook speaks of three.
            let start = try await demo.run(
                """
                until baton status --json 2>/dev/null | jq -e '.leader and (.replicas | length == 3)' >/dev/null; do
                    sleep 0.1
                done
                """)
            #expect(start.status == .exited(0), "three replicas, of which one leads: \(start.output)")
            for block in runbook.blocks {
                let name = "\(path), \(block.heading), line \(block.line):\n\(block.script)\n"
                let run = try await demo.run(block.script)
                guard run.status == .exited(0) else {
                    Issue.record("\(name)ended with \(run.status.map { "\($0)" } ?? "no end in time"):\n\(run.output)")
                    continue
                }
                guard let expected = block.expected, !ExpectedOutput(expected).matches(run.output) else { continue }
                Issue.record("\(name)printed\n\(run.output)\ninstead of\n\(expected)")
            }
        }
    }

    @Test(
        "Every drill shows what it prints",
        arguments: ["killed", "frozen", "terminated", "cut off", "Redis restarted", "PostgreSQL away"])
    func drillIsComplete(_ words: String) throws {
        let blocks = try Self.runbook().blocks.filter { $0.heading.hasPrefix("Drill: ") && $0.heading.contains(words) }
        #expect(blocks.contains { $0.expected != nil })
    }

    // MARK: The test's own parts

    @Test(
        "Output that is as expected is found to be so",
        arguments: [
            ("leader  …, epoch …", "leader   replica-1, epoch 17\n"), ("a\n…\nb", "a\nb"),
            ("a\n…\nb", "a\n1\n2\nb\n\n"),
            ("…", ""), ("", ""), ("…ms later", "12 ms later"),
        ])
    func matches(expected: String, output: String) {
        #expect(ExpectedOutput(expected).matches(output))
    }

    @Test(
        "Wrong output is noticed",
        arguments: [
            ("leader  …, epoch …", "leader   none"), ("a\n…\nb", "a\n1\n2"), ("a", "a\nb"), ("a\nb", "a"), ("", "a"),
            ("… resigned … shutdown", "10:00 resigned a step-down"), ("ab…b", "ab"),
        ])
    func noticesWrongOutput(expected: String, output: String) {
        #expect(!ExpectedOutput(expected).matches(output))
    }

    @Test("Only runnable blocks are run, each with the output that follows it")
    func findsBlocks() {
        let blocks = Runbook(
            parsing: """
                # One
                ```bash
                not this
                ```
                ```bash runnable
                first
                ```
                ## Two
                ```text expected
                of no block
                ```
                ```bash runnable
                second
                # no heading
                ```

                ```text expected
                output
                ```
                """
        ).blocks
        #expect(blocks.map(\.heading) == ["One", "Two"])
        #expect(blocks.map(\.script) == ["first", "second\n# no heading"])
        #expect(blocks.map(\.expected) == [nil, "output"])
        #expect(blocks.map(\.line) == [6, 13])
    }
}

/// `baton demo` with a folder of its own for temporary files, and a shell that knows where its servers are.
private struct RunningDemo {
    let repository: String
    /// The file that the demo names for shells.
    let variables: String

    private static let patience = Duration.seconds(90)

    static func with(repository: String, _ body: (RunningDemo) async throws -> Void) async throws {
        let workspace = try await Workspace.create(prefix: "runbook-test")
        let folder = "\(workspace.path)/tmp"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
        let child = try await ChildProcess.start(
            ReplicaProcess.program, ["demo", "--for", "15m", "--rows", "200"], environment: ["TMPDIR": .some(folder)],
            workingDirectory: repository)
        do {
            let variables = try #require(await variablesOnceRefreshed(child))
            try await body(RunningDemo(repository: repository, variables: variables))
        } catch {
            await child.terminate(grace: .seconds(20))
            await workspace.close()
            throw error
        }
        // It stops its servers itself.
        #expect(await child.terminate(grace: .seconds(20)) == .exited(0))
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline, try !contents(of: folder).isEmpty {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try contents(of: folder) == [])
        await workspace.close()
    }

    private static func contents(of folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder)
    }

    /// - Returns: the path of the file that the demo names; nil if it ends before the first refresh.
    private static func variablesOnceRefreshed(_ child: ChildProcess) async -> String? {
        var path: String?
        for await line in child.standardOutput {
            if let word = line.split(separator: " ").first(where: { $0.hasSuffix("/demo.env") }) { path = String(word) }
            // The writer may have added some before they were read.
            if line.contains(" merchants: "), line.contains(" rows, "), let path { return path }
        }
        return nil
    }

    /// Runs a script as a person would who has read the demo's variables.
    ///
    /// - Returns: how it ended, nil if it did not in time; and what it printed.
    func run(_ script: String) async throws -> (status: ChildProcess.ExitStatus?, output: String) {
        let child = try await ChildProcess.start(
            "bash", ["-euo", "pipefail", "-c", "exec 2>&1; . '\(variables)'\n\(script)"], workingDirectory: repository)
        async let lines = child.standardOutput.reduce(into: [String]()) { $0.append($1) }
        let status = await child.wait(atMost: Self.patience)
        if status == nil { await child.kill() }
        return (status, await lines.joined(separator: "\n"))
    }
}
