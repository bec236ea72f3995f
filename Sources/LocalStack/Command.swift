import Glibc
import Subprocess
import SystemPackage

/// Runs a short command to its end and collects what it prints.
enum Command {
    /// - Returns: its standard output, at most 256 MiB.
    /// - Throws: ``LocalStackError`` with `commandFailed` and what the command wrote to standard error.
    @discardableResult
    static func run(_ launch: Launch, input: String = "") async throws -> String {
        let guardian = try await Guardian.shared()
        let name = launch.executable.split(separator: "/").last.map { String($0) } ?? launch.executable
        let result: ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>>
        do {
            result = try await Subprocess.run(
                launch.configuration(mark: guardian.mark),
                input: .fileDescriptor(try file(holding: input), closeAfterSpawningProcess: true),
                output: .string(limit: 256 << 20), error: .string(limit: 1 << 20))
        } catch let error as CancellationError {
            throw error
        } catch {
            throw LocalStackError(.commandFailed, "\(name) could not be run: \(error)")
        }
        guard result.terminationStatus.isSuccess else {
            throw LocalStackError(
                .commandFailed, "\(name) failed (\(result.terminationStatus)): \(result.standardError)")
        }
        return result.standardOutput
    }

    /// A file without a name. A command may end before it has read its input, which whoever writes that into a pipe
    /// must bear; the library's own writer traps.
    private static func file(holding text: String) throws -> FileDescriptor {
        var path = Array("/tmp/baton-input-XXXXXX".utf8CString)
        let file = FileDescriptor(rawValue: mkstemp(&path))
        guard file.rawValue >= 0 else { throw Errno(rawValue: errno) }
        unlink(path)
        _ = fcntl(file.rawValue, F_SETFD, FD_CLOEXEC)
        do {
            try file.writeAll(text.utf8)
            try file.seek(offset: 0, from: .start)
        } catch {
            try? file.close()
            throw error
        }
        return file
    }
}
