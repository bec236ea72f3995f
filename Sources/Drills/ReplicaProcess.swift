internal import Glibc
public import LocalStack
internal import Synchronization

/// One process of `baton run`, from its start to its end, and what it has logged.
///
/// It is killed when this process ends, by whatever means.
public final class ReplicaProcess: Sendable {
    /// A line of the log, and when it was read here.
    public struct Entry: Sendable {
        /// What was logged.
        public let line: LogLine
        /// When this process read it, some tenths of a millisecond after the replica wrote it.
        public let at: ContinuousClock.Instant
    }

    /// Why a line that was waited for did not come.
    public struct LineMissing: Error, CustomStringConvertible {
        /// How the replica ended before; nil if it still runs, and the time was over.
        public let ending: ChildProcess.ExitStatus?
        /// Which replica lacks what.
        public let description: String
    }

    /// The replica's name as it stands in the lease.
    public let name: String
    /// The process itself, to signal, stop and kill it. Its output is read here.
    public let process: ChildProcess

    private let record: Record
    private let reading: Task<Void, Never>

    /// The program `baton` that was built together with the one that runs now, and stands beside it.
    public static let program: String = {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/baton"
    }()

    /// Starts a replica, which then logs, and may fail, by itself.
    ///
    /// - Parameters:
    ///   - name: its name in the group; it is unique there.
    ///   - program: the path of `baton`.
    ///   - configuration: the path of its configuration file.
    ///   - environment: changes to this process's environment; nil removes a variable.
    ///   - wrapper: a command that runs the one which follows it, in the same process.
    ///   - linesKept: how many of its newest lines ``log`` has at least.
    ///   - tell: is given each line, in order, as soon as it is there.
    /// - Throws: `LocalStackError` if the program is missing or can't be started.
    public static func start(
        _ name: String, program: String = program, configuration: String, environment: [String: String?] = [:],
        through wrapper: [String] = [], linesKept: Int = 10_000,
        tell: @escaping @Sendable (LogLine) -> Void = { _ in }
    ) async throws -> ReplicaProcess {
        let words = wrapper + [program, "run", "--config", configuration, "--replica", name]
        let process = try await ChildProcess.start(words[0], Array(words.dropFirst()), environment: environment)
        let record = Record(capacity: linesKept)
        let reading = Task {
            await withTaskGroup(of: Void.self) { group in
                // It logs to standard error. What else it may print is looked at too.
                for output in [process.standardError, process.standardOutput] {
                    group.addTask {
                        for await text in output where !text.isEmpty {
                            let entry = Entry(line: LogLine(parsing: text), at: .now)
                            record.append(entry)
                            tell(entry.line)
                        }
                    }
                }
            }
        }
        return ReplicaProcess(name: name, process: process, record: record, reading: reading)
    }

    private init(name: String, process: ChildProcess, record: Record, reading: Task<Void, Never>) {
        self.name = name
        self.process = process
        self.record = record
        self.reading = reading
    }

    // MARK: Its end

    /// Waits until the process has ended and all that it logged is in ``log``.
    @discardableResult
    public func ended() async -> ChildProcess.ExitStatus {
        await reading.value
        return await process.wait()
    }

    /// The same, at most for `limit`.
    ///
    /// - Returns: how it ended; nil if it still runs.
    public func ended(within limit: Duration) async -> ChildProcess.ExitStatus? {
        guard await process.wait(atMost: limit) != nil else { return nil }
        return await ended()
    }

    // MARK: Its log

    /// The newest lines, in order.
    public var log: [LogLine] { record.entries(after: 0).map(\.line) }

    /// How many lines it has logged: whoever notes this can wait for one that comes later.
    public var lineCount: Int { record.count }

    /// Waits for a line with this message.
    ///
    /// - Parameters:
    ///   - start: how many lines to pass over, see ``lineCount``.
    ///   - limit: how long to wait at most.
    ///   - isAwaited: which of several such lines.
    /// - Returns: the first that is there, or comes.
    /// - Throws: ``LineMissing``; `CancellationError`.
    @discardableResult
    public func line(
        _ message: String, after start: Int = 0, within limit: Duration = .seconds(30),
        where isAwaited: (LogLine) -> Bool = { _ in true }
    ) async throws -> Entry {
        try await firstLine("'\(message)'", after: start, within: limit) { $0.message == message && isAwaited($0) }
    }

    /// Waits for a line, whatever its message, in the same way.
    ///
    /// - Parameter what: names the line in an error.
    @discardableResult
    public func firstLine(
        _ what: String, after start: Int = 0, within limit: Duration = .seconds(30),
        where isAwaited: (LogLine) -> Bool
    ) async throws -> Entry {
        let deadline = ContinuousClock.now + limit
        while true {
            // Looked at before the lines are: nothing is logged after the end.
            let ending = process.exitStatus
            if ending != nil { await reading.value }
            if let found = record.entries(after: start).first(where: { isAwaited($0.line) }) { return found }
            guard ending == nil, ContinuousClock.now < deadline else {
                let fate = ending.map { "ended with \($0)" } ?? "still runs after \(limit)"
                throw LineMissing(ending: ending, description: "\(what) not logged: replica \(name) \(fate)")
            }
            // Entries bear the moment at which they were read: to look rarely costs no precision.
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// The newest lines of a log.
private final class Record: Sendable {
    private let capacity: Int
    private let state = Mutex((entries: [ReplicaProcess.Entry](), dropped: 0))

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { state.withLock { $0.dropped + $0.entries.count } }

    /// Drops the oldest ones, many at a time, when it holds twice as many as it has to.
    func append(_ entry: ReplicaProcess.Entry) {
        state.withLock { state in
            let surplus = state.entries.count - capacity
            if surplus >= capacity {
                state.entries.removeFirst(surplus)
                state.dropped += surplus
            }
            state.entries.append(entry)
        }
    }

    /// - Parameter start: how many to pass over, those included that were dropped.
    func entries(after start: Int) -> ArraySlice<ReplicaProcess.Entry> {
        state.withLock { $0.entries.dropFirst(max(0, start - $0.dropped)) }
    }
}
