import Glibc
import Subprocess
import SystemPackage

/// A small shell process that outlives this one just long enough to clean up after it.
///
/// It hears over a socket which processes and folders belong to us. The socket ends when this process does, however that
/// happens, SIGKILL included: the guardian then kills the processes, removes the folders and ends. What is stopped or
/// removed in good order is taken off its list; as it also remembers when each process began, a process number that
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
        // A line is far shorter than the socket's buffer, so it is taken whole or not at all. Should the guardian have been
        // killed, then all that is lost is the tidying after a crash; that is no reason to fail.
        var result: Int
        repeat {
            result = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        } while result < 0
            && errno == EINTR
    }
}

// MARK: - The shell's part

extension Guardian {
    /// Removes a folder; also the small shared memory segment that a killed PostgreSQL in it left in the kernel.
    static let removal = #"""
        remove() {
            for lock in "$1"/*/data/postmaster.pid; do
                if [ -f "$lock" ]; then ipcrm -m "$(sed -n '7s/.* //p' "$lock")"; fi
            done
            tries=40
            # A process that is just ending may still write into it.
            until rm -rf -- "$1" || [ "$tries" -eq 0 ]; do
                sleep 0.05
                tries=$((tries - 1))
            done
        }
        """#

    /// Reads the list from its input until the end, then cleans up. The first argument is the mark.
    private static let script =
        removal + "\n"
            + #"""
            trap '' HUP INT QUIT TERM
            mark=$1
            shift
            watched= # PID/BORN/FAREWELL…; the folders are "$@"

            # When the process began, in clock ticks since boot; nothing if it ended.
            born() {
                stat=
                read -r stat < "/proc/$1/stat" || return
                set -- ${stat##*) }
                [ "$1" = Z ] || echo "${20}"
            }

            # Whether the process of an entry still runs.
            lives() {
                entry=${1%/*}
                [ -n "${entry#*/}" ] && [ "$(born "${entry%%/*}")" = "${entry#*/}" ]
            }

            while read -r verb subject; do
                case $verb in
                watch)
                    pid=${subject% *}
                    watched="$watched $pid/$(born "$pid")/${subject#* }"
                    ;;
                forget)
                    kept=
                    for entry in $watched; do
                        case $entry in
                        "$subject"/*) ;;
                        *) kept="$kept $entry" ;;
                        esac
                    done
                    watched=$kept
                    ;;
                folder) set -- "$@" "$subject" ;;
                released)
                    count=$#
                    while [ "$count" -gt 0 ]; do
                        folder=$1
                        shift
                        [ "$folder" = "$subject" ] || set -- "$@" "$folder"
                        count=$((count - 1))
                    done
                    ;;
                esac
            done

            patient=' '
            for process in $watched; do
                lives "$process" || continue
                pid=${process%%/*}
                case $process in
                */quit)
                    kill -QUIT "$pid"
                    kill -CONT "$pid"
                    patient="$patient$pid "
                    ;;
                *) kill -KILL "$pid" ;;
                esac
            done

            for file in $(grep -laF -e "$mark" /proc/[0-9]*/environ); do
                pid=${file#/proc/}
                pid=${pid%/environ}
                case $patient in
                *" $pid "*) ;;
                *) kill -KILL "$pid" ;;
                esac
            done

            patience=40
            for process in $watched; do
                case $process in
                */quit) ;;
                *) continue ;;
                esac
                while lives "$process" && [ "$patience" -gt 0 ]; do
                    sleep 0.05
                    patience=$((patience - 1))
                done
                if lives "$process"; then
                    pid=${process%%/*}
                    kill -KILL "$pid" $(cat "/proc/$pid/task/$pid/children")
                fi
            done

            for folder in "$@"; do remove "$folder"; done
            """#
}
