import Glibc

/// The few file operations that are needed, as thin covers over the C library.
enum Files {
    /// The error of the last failed call of the C library, put into words.
    static func failure(_ action: String) -> LocalStackError {
        let code = errno
        return LocalStackError(.system, "\(action): \(String(cString: strerror(code)))")
    }

    /// Makes a folder and gives it to `owner`.
    static func makeFolder(_ path: String, mode: mode_t, owner: ServerUser? = nil) throws(LocalStackError) {
        guard mkdir(path, mode) == 0 else { throw failure("cannot make the folder \(path)") }
        // mkdir applies the umask; the servers' user must get through whatever it is.
        guard chmod(path, mode) == 0 else { throw failure("cannot set the mode of \(path)") }
        try give(path, to: owner)
    }

    /// Writes (or replaces) a file and gives it to `owner`.
    static func write(
        _ text: String, to path: String, mode: mode_t = 0o600, owner: ServerUser? = nil
    ) throws(LocalStackError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("cannot write \(path)") }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("cannot write \(path)") }
            written += count
        }
        try give(path, to: owner)
    }

    /// A new, empty file opened for appending; the caller closes the descriptor.
    static func openLog(_ path: String) throws(LocalStackError) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot write \(path)") }
        return descriptor
    }

    /// The last `limit` bytes of a file as text; nil if it cannot be read.
    static func readTail(_ path: String, limit: Int = 64 << 10) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        lseek(descriptor, off_t(max(0, size - limit)), SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = bytes[filled...].withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            filled += count
        }
        return String(decoding: bytes[..<filled], as: UTF8.self)
    }

    /// The file's size in bytes; 0 if there is no such file.
    static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    static func give(_ path: String, to owner: ServerUser?) throws(LocalStackError) {
        guard let owner else { return }
        guard chown(path, owner.user, owner.group) == 0 else {
            throw failure("cannot give \(path) to the user \(owner.name)")
        }
    }
}
