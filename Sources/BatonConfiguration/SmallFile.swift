internal import Formatting
internal import Glibc

/// Reads whole files that are known to be small.
package enum SmallFile {
    /// - Parameters:
    ///   - path: as the operating system takes it.
    ///   - limit: the most bytes that the file may have.
    /// - Throws: what is wrong, such as `cannot be read: No such file or directory`.
    package static func text(_ path: String, limit: Int) throws(SettingRefusal) -> String {
        guard let text = String(validating: try bytes(path, limit: limit), as: UTF8.self) else {
            throw SettingRefusal("is not UTF-8 text", remedy: "Save it in UTF-8")
        }
        // A mark that some editors put before everything.
        return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// The same, whatever the file holds.
    static func bytes(_ path: String, limit: Int) throws(SettingRefusal) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
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
        return bytes
    }

    private static func refusal(_ code: CInt) -> SettingRefusal {
        SettingRefusal(
            "cannot be read: \(String(cString: strerror(code)))",
            remedy: "Check the path and the permissions of the user that runs baton")
    }
}
