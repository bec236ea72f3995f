import Glibc
import LocalStack
import PostgresClient
import Synchronization
import Testing

/// All tests against servers run one after the other: some measure time, threads or memory.
@Suite(.serialized, .timeLimit(.minutes(10))) enum ServerTests {}

/// A connection to the server that all tests share.
func connect(
    statementTimeout: Duration = .seconds(30), responseTimeout: Duration? = nil, settings: [(String, String)] = [],
    isReadOnly: Bool = false
) async throws -> PostgresConnection {
    try await connect(
        to: try await LocalPostgres.shared(), statementTimeout: statementTimeout, responseTimeout: responseTimeout,
        settings: settings, isReadOnly: isReadOnly)
}

func connect(
    to server: LocalPostgres, statementTimeout: Duration = .seconds(30), responseTimeout: Duration? = nil,
    settings: [(String, String)] = [], isReadOnly: Bool = false
) async throws -> PostgresConnection {
    try await PostgresConnection.connect(
        PostgresConfiguration(
            url: server.url(), statementTimeout: statementTimeout, responseTimeout: responseTimeout, settings: settings,
            isReadOnly: isReadOnly))
}

/// The error that `body` throws; a failure if it throws none.
func failure<R>(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws(PostgresError) -> R
) async throws -> PostgresError {
    do throws(PostgresError) {
        _ = try await body()
    } catch {
        return error
    }
    Issue.record("no error was thrown", sourceLocation: sourceLocation)
    throw NoError()
}

struct NoError: Error {}

/// Waits until `condition` holds, for ten seconds at most.
func eventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        if ContinuousClock.now > deadline {
            Issue.record(what, sourceLocation: sourceLocation)
            throw NoError()
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

extension LocalPostgres {
    /// Waits until a statement that holds `text` runs at the server (or no longer does).
    func waitForStatement(_ text: String, running: Bool = true) async throws {
        let count = """
            select count(*) from pg_stat_activity
            where state = 'active' and pid <> pg_backend_pid() and query like '%\(text)%'
            """
        try await eventually("a statement like \(text): running is not \(running)") {
            (try await run(sql: count) != "0") == running
        }
    }
}

/// Starts `operation`, waits until `isUnderWay` returns, cancels it, and checks that it then ends promptly with
/// ``PostgresError/Code/cancelled``.
///
/// A busy machine may be slow by itself: the best of three attempts counts.
func expectPromptCancellation<R: Sendable>(
    sourceLocation: SourceLocation = #_sourceLocation,
    of operation: @escaping @Sendable () async throws(PostgresError) -> R,
    once isUnderWay: () async throws -> Void
) async throws {
    var best = Duration.seconds(1_000)
    for _ in 0..<3 where best >= .milliseconds(250) {
        let task = Task { () async -> Result<R, PostgresError> in
            do throws(PostgresError) {
                return .success(try await operation())
            } catch {
                return .failure(error)
            }
        }
        try await isUnderWay()
        let start = ContinuousClock.now
        task.cancel()
        let result = await task.value
        best = min(best, ContinuousClock.now - start)
        switch result {
        case .success: Issue.record("it ended before it was cancelled: \(result)", sourceLocation: sourceLocation)
        case .failure(let error): #expect(error.code == .cancelled, sourceLocation: sourceLocation)
        }
    }
    #expect(best < .milliseconds(250), sourceLocation: sourceLocation)
}

// MARK: What the process uses

enum Usage {
    static var descriptors: Int { entries(of: "/proc/self/fd") }
    static var threads: Int { entries(of: "/proc/self/task") }

    /// Resident memory, in bytes.
    static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
    }

    private static func entries(of folder: String) -> Int {
        guard let stream = opendir(folder) else { return -1 }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        return count
    }
}

// MARK: Something that is not PostgreSQL

/// A TCP port of 127.0.0.1 that accepts, and then says nothing, or the same thing to everybody.
final class FakeServer: Sendable {
    let port: Int
    private let descriptor: Int32
    /// A thread accepts clients, and closes the descriptor when it ends: before that, its number must not be given
    /// away.
    private let isAccepting: Bool

    /// - Parameter answer: What every client is told before its connection is closed; `nil` for eternal silence.
    init(answer: [UInt8]? = nil) throws {
        port = try freePort()
        isAccepting = answer != nil
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 16) == 0)
        guard let answer else { return }
        startThread {
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else {
                    close(descriptor)
                    return
                }
                var request = [UInt8](repeating: 0, count: 4096)
                _ = read(client, &request, request.count)
                _ = send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
                // Half-closed first, so that unread bytes of the client don't make it lose the answer.
                shutdown(client, Int32(SHUT_WR))
                _ = read(client, &request, request.count)
                close(client)
            }
        }
    }

    deinit {
        // Wakes the thread out of `accept`.
        shutdown(descriptor, Int32(SHUT_RDWR))
        if !isAccepting { close(descriptor) }
    }

    /// A refusal in PostgreSQL's protocol.
    static func refusal(sqlState: String, message: String) -> [UInt8] {
        var fields: [UInt8] = []
        for field in ["SFATAL", "VFATAL", "C\(sqlState)", "M\(message)"] { fields += Array(field.utf8) + [0] }
        fields.append(0)
        let length = UInt32(fields.count + 4)
        return [UInt8(ascii: "E")] + withUnsafeBytes(of: length.bigEndian) { Array($0) } + fields
    }
}

/// Runs `body` on a thread of its own that nobody waits for.
func startThread(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(ThreadBody(run: body))
    var thread = pthread_t()
    let started = pthread_create(
        &thread, nil,
        { context in
            guard let context else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
            return nil
        }, box.toOpaque())
    precondition(started == 0)
    pthread_detach(thread)
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
}
