import Glibc
import Subprocess
import SystemPackage

/// A small shell process that outlives this one just long enough to clean up after it.
///
/// It hears over a socket which processes and folders belong to us. The socket ends when this process does, however
/// that happens, SIGKILL included: the guardian then kills the processes, removes the folders and ends. What is stopped
/// or removed in good order is taken off its list; as it also remembers when each process began, a process number that
/// was given to somebody else in the meantime is never hit.
final class Guardian: Sendable {
    /// How a process is killed when we are gone.
    enum Farewell: String, Sendable {
        /// SIGKILL at once.
        case kill
        /// PostgreSQL's way: SIGQUIT, on which it ends its own children and frees its shared memory; after two seconds
        /// SIGKILL to it and its children.
        case quit
    }

    /// Marks the environment of everything we start: a process that was just forked, and is not on the list yet when we
    /// die, is found by it.
    let mark: String
    /// Its value is random for each process.
    static let markName = "LOCALSTACK_GUARDIAN"

    private let socket: Int32

    /// The guardian of this process, started by the first caller.
    static func shared() async throws -> Guardian { try await starting.value }
    private static let starting = Task { try await start() }

    private init(socket: Int32, mark: String) {
        self.socket = socket
        self.mark = mark
    }

    private static func start() async throws -> Guardian {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Files.failure("cannot make a socket pair")
        }
        let random = UInt64.random(in: .min ... .max)
        let mark = "\(getpid())-\(String(random, radix: 36))"
        var options = PlatformOptions()
        options.createSession = true  // Ctrl-C in the terminal is for us, not for it
        let configuration = Configuration(
            executable: .path("/bin/sh"),
            arguments: ["-c", Self.script, "guardian", "\(markName)=\(mark)"],
            environment: .custom(["PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"]),
            workingDirectory: "/",
            platformOptions: options
        )
        let input = FileDescriptor(rawValue: ends[0])
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let started = Once(continuation)
            // Lives as long as this process, on purpose.
            Task {
                do {
                    _ = try await run(
                        configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: true),
                        output: .discarded, error: .discarded
                    ) { _ in started.resume(returning: ()) }
                } catch {
                    started.resume(
                        throwing: LocalStackError(.failedToStart, "cannot start /bin/sh as guardian: \(error)"))
                }
            }
        }
        return Guardian(socket: ends[1], mark: mark)
    }

    func watch(process: Int32, farewell: Farewell) { tell("watch \(process) \(farewell.rawValue)") }
    func forget(process: Int32) { tell("forget \(process)") }
    func watch(folder: String) { tell("folder \(folder)") }
    func forget(folder: String) { tell("released \(folder)") }

    private func tell(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        // A line is far shorter than the socket's buffer, so it is taken whole or not at all. Should the guardian have
        // been killed, then all that is lost is the tidying after a crash; that is no reason to fail.
        var result: Int
        repeat {
            result = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        } while result < 0
            && errno == EINTR
    }
}
