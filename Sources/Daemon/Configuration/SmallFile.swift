internal import Glibc

/// Reads whole files that are known to be small.
enum SmallFile {
    /// - Parameters:
    ///   - path: as the operating system takes it.
    ///   - limit: the most bytes that the file may have.
    /// - Throws: a sentence for people, such as `cannot be read: No such file or directory`.
    static func read(_ path: String, limit: Int) throws(SettingRefusal) -> String {
        // Non-blocking: a pipe that nobody writes to must not hang the start.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw refusal(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw refusal(errno)
            }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= limit else {
                throw SettingRefusal(
                    "is larger than \(ByteCount.render(limit))", remedy: "Check that this is the file you mean")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SettingRefusal("is not UTF-8 text", remedy: "Save it in UTF-8")
        }
        return text
    }

    private static func refusal(_ code: CInt) -> SettingRefusal {
        SettingRefusal(
            "cannot be read: \(String(cString: strerror(code)))",
            remedy: "Check the path and the permissions of the user that runs baton")
    }
}

/// Paths of files that are named by other files.
enum FilePath {
    /// `path` itself if it is absolute, else as seen from the folder that holds `file`.
    static func resolve(_ path: String, besides file: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}
