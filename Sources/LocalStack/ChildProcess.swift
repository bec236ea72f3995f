import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// A program that runs beside this one, until it ends or is ended.
///
/// It runs in a session of its own, so that Ctrl-C in a terminal reaches only this process, which may then end its
/// children in good order. Should this process die, by SIGKILL too, the child is killed.
public final class ChildProcess: Sendable {
    /// How a process ended.
    public enum ExitStatus: Hashable, Sendable, CustomStringConvertible {
        /// It ended by itself with this code; 0 means success.
        case exited(Int32)
        /// A signal ended it.
        case signalled(Int32)

        /// Whether it ended by itself with code 0.
        public var isSuccess: Bool { self == .exited(0) }

        /// How it ended, for example `exit code 3` or `signal 9`.
        public var description: String {
            switch self {
            case .exited(let code): "exit code \(code)"
            case .signalled(let number): "signal \(number)"
            }
        }
    }

    /// The process id.
    public let pid: Int32
    /// The lines that the process writes to standard output, without line ends. For one reader; ends with the process.
    /// When nobody reads, the newest 65,536 lines are kept.
    public let standardOutput: AsyncStream<String>
    /// The same for standard error.
    public let standardError: AsyncStream<String>

    private let ending: Ending
    private let task: Task<ExitStatus, Never>

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - executable: A path, or a name that is looked up in `PATH`.
    ///   - arguments: Its arguments, without its own name.
    ///   - environment: Changes to this process's environment; nil removes a variable.
    ///   - workingDirectory: Where it starts; nil for this process's own.
    /// - Throws: ``LocalStackError``: `missingProgram`, or `failedToStart`.
    public static func start(
        _ executable: String, _ arguments: [String] = [], environment: [String: String?] = [:],
        workingDirectory: String? = nil
    ) async throws -> ChildProcess {
        try await start(
            Launch(
                executable: Programs.find(executable), arguments: arguments, environment: .inherited(environment),
                workingDirectory: workingDirectory))
    }

    /// Runs a program to its end.
    ///
    /// - Returns: what it wrote to standard output, without the last line end.
    /// - Throws: ``LocalStackError``: `missingProgram`, or `commandFailed` with what it wrote to standard error.
    @discardableResult
    public static func output(
        _ executable: String, _ arguments: [String] = [], environment: [String: String?] = [:]
    ) async throws -> String {
        let output = try await Command.run(
            Launch(
                executable: Programs.find(executable), arguments: arguments, environment: .inherited(environment)))
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }

    /// How the process ended; nil while it runs.
    public var exitStatus: ExitStatus? { ending.status.withLock { $0 } }

    /// Whether the process has not ended yet. A stopped (SIGSTOP) process runs, in this sense.
    public var isRunning: Bool { exitStatus == nil }

    /// Waits until the process has ended, and says how.
    public func wait() async -> ExitStatus { await task.value }

    /// Waits until the process has ended, at most for `limit`.
    ///
    /// - Returns: how it ended; nil if it still runs.
    public func wait(atMost limit: Duration) async -> ExitStatus? {
        let deadline = ContinuousClock.now + limit
        while exitStatus == nil && ContinuousClock.now < deadline {
            // A cancelled task waits on all the same: an ending in good order must not be cut short.
            await Task { try? await Task.sleep(for: .milliseconds(5)) }.value
        }
        return exitStatus
    }

    /// Sends a signal, for example `SIGTERM`.
    ///
    /// - Throws: ``LocalStackError`` with `notRunning` when the process has ended, `system` when it may not be
    ///   signalled.
    public func signal(_ number: Int32) throws {
        try ending.status.withLock { status in
            guard status == nil else {
                throw LocalStackError(.notRunning, "process \(pid) has ended; it cannot be sent signal \(number)")
            }
            guard Glibc.kill(pid, number) == 0 || errno == ESRCH else {
                throw Files.failure("cannot send signal \(number) to process \(pid)")
            }
        }
    }

    /// Asks the process to end (a stopped one is woken for that), and kills it if it has not ended in time.
    ///
    /// - Parameters:
    ///   - request: The signal to ask with; nil for SIGTERM.
    ///   - grace: How long it may take until SIGKILL.
    @discardableResult
    public func terminate(with request: Int32? = nil, grace: Duration = .seconds(5)) async -> ExitStatus {
        try? signal(request ?? SIGTERM)
        try? signal(SIGCONT)
        if let status = await wait(atMost: grace) { return status }
        return await kill()
    }

    /// Kills the process (SIGKILL) and waits for its end.
    @discardableResult
    public func kill() async -> ExitStatus {
        try? signal(SIGKILL)
        return await wait()
    }

    // MARK: Starting

    private init(pid: Int32, launch: Running, task: Task<ExitStatus, Never>) {
        self.pid = pid
        self.standardOutput = launch.output.stream
        self.standardError = launch.error.stream
        self.ending = launch.ending
        self.task = task
    }

    static func start(_ launch: Launch) async throws -> ChildProcess {
        let guardian = try await Guardian.shared()
        let configuration = launch.configuration(mark: guardian.mark)
        let running = Running()
        var task: Task<ExitStatus, Never>?
        let pid = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Int32, any Error>) in
            let started = Once(continuation)
            // The process may live longer than whoever started it: this task belongs to nobody else's structure.
            task = Task {
                let status = await running.run(configuration, launch: launch, guardian: guardian, started: started)
                running.finish(status)
                return status
            }
        }
        guard let task else { preconditionFailure("the continuation's body has run") }
        return ChildProcess(pid: pid, launch: running, task: task)
    }
}

/// Where the end of a process is noted.
final class Ending: Sendable {
    let status = Mutex<ChildProcess.ExitStatus?>(nil)
}

/// The moving parts of one child while it runs.
private struct Running: Sendable {
    typealias Lines = (stream: AsyncStream<String>, continuation: AsyncStream<String>.Continuation)

    let ending = Ending()
    let output: Lines = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1 << 16))
    let error: Lines = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1 << 16))

    /// Runs the process to its end.
    func run(
        _ configuration: Configuration, launch: Launch, guardian: Guardian, started: Once<Int32>
    ) async -> ChildProcess.ExitStatus {
        let child = Mutex<Int32?>(nil)
        @Sendable func begin(_ identifier: ProcessIdentifier) {
            guardian.watch(process: identifier.value, farewell: launch.farewell)
            child.withLock { $0 = identifier.value }
            started.resume(returning: identifier.value)
        }
        defer {
            if let pid = child.withLock({ $0 }) { guardian.forget(process: pid) }
        }
        do {
            let status: TerminationStatus
            switch launch.output {
            case .lines:
                status = try await Subprocess.run(configuration, input: .none, output: .sequence, error: .sequence) {
                    execution in
                    begin(execution.processIdentifier)
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask { await pass(execution.standardOutput, on: output.continuation) }
                        group.addTask { await pass(execution.standardError, on: error.continuation) }
                    }
                }.terminationStatus
            case .file(let path):
                let log = FileDescriptor(rawValue: try Files.openLog(path))
                status = try await Subprocess.run(
                    configuration, input: .none,
                    output: .fileDescriptor(log, closeAfterSpawningProcess: true), error: .combinedWithOutput
                ) { execution in begin(execution.processIdentifier) }.terminationStatus
            }
            switch status {
            case .exited(let code): return .exited(code)
            case .signaled(let number): return .signalled(number)
            }
        } catch let failure {
            started.resume(
                throwing: failure as? LocalStackError
                    ?? LocalStackError(.failedToStart, "cannot start \(launch.executable): \(failure)"))
            return .exited(-1)
        }
    }

    func finish(_ status: ChildProcess.ExitStatus) {
        ending.status.withLock { $0 = status }
        output.continuation.finish()
        error.continuation.finish()
    }

    private func pass(_ bytes: SubprocessOutputSequence, on lines: AsyncStream<String>.Continuation) async {
        var splitter = LineSplitter()
        do {
            for try await buffer in bytes {
                buffer.withUnsafeBytes { splitter.feed($0) { lines.yield($0) } }
            }
        } catch {
            // The process has ended while a child of its own holds the pipe open; there is nothing more to read.
        }
        splitter.finish { lines.yield($0) }
        lines.finish()
    }
}
