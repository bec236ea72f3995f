internal import Drills
import Glibc
internal import LocalStack

/// Runs one replica, and another one in its place whenever it ends, as Kubernetes would.
struct ReplicaProcess: Sendable {
    let name: String
    let plan: DemoPlan
    let environment: [String: String?]
    let report: @Sendable (DemoEvent) -> Void

    /// From the end of one process to the start of the next.
    static let pause = Duration.seconds(3)
    /// How long a replica may take to end in good order.
    static let patience = Duration.seconds(6)

    /// Runs until the task is cancelled; then ends the process in good order.
    func run() async throws {
        while !Task.isCancelled {
            let status = try await runOnce()
            guard !Task.isCancelled else { return }
            report(.replicaEnded(replica: name, ending: "\(status)", restart: Self.pause))
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// - Returns: how the process ended, by itself or because the task was cancelled.
    func runOnce() async throws -> ChildProcess.ExitStatus {
        let child = try await start()
        report(.replicaStarted(replica: name, pid: child.pid))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await line in child.standardError { tell(line) } }
            group.addTask { for await line in child.standardOutput { tell(line) } }
        }
        return Task.isCancelled ? await child.terminate(grace: Self.patience) : await child.wait()
    }

    func start() async throws -> ChildProcess {
        try await ChildProcess.start(
            plan.executable, plan.arguments + ["--replica", name], environment: environment)
    }

    private func tell(_ line: String) {
        if !line.isEmpty { report(.logged(replica: name, LogLine(parsing: line))) }
    }
}

/// What the operating system knows of a process.
struct ProcessStatus: Hashable, Sendable {
    /// Whether a signal stopped it.
    let isStopped: Bool
    /// The memory it uses, and the most that it ever used; in bytes.
    let memory: Int
    let peakMemory: Int

    /// - Returns: nil if there is no such process.
    static func of(_ pid: Int32) -> ProcessStatus? {
        let descriptor = open("/proc/\(pid)/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        var values: [Substring: Substring] = [:]
        for line in String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        func kibibytes(_ name: Substring) -> Int {
            values[name]?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 0
        }
        return ProcessStatus(
            isStopped: values["State"]?.contains("T") ?? false, memory: kibibytes("VmRSS") << 10,
            peakMemory: kibibytes("VmHWM") << 10)
    }
}
