import Dispatch
import Glibc

/// Asks a server at a unix socket one question.
enum UnixSocket {
    /// Sends `question` and answers the first thing that comes back within 200 ms, at most 64 KiB.
    ///
    /// - Returns: nil if nobody listens or nothing comes.
    static func ask(_ question: String, at path: String) async -> [UInt8]? {
        // Connecting and reading block, at most for the 200 ms below, so they run on a thread that may be blocked.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: answer(to: question, at: path)) }
        }
    }

    private static func answer(to question: String, at path: String) -> [UInt8]? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 0, tv_usec: 200_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard connect(descriptor, to: path) else { return nil }
        let question = Array(question.utf8)
        guard send(descriptor, question, question.count, Int32(MSG_NOSIGNAL)) == question.count else { return nil }
        var answer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &answer, answer.count, 0)
        return count > 0 ? Array(answer[..<count]) : nil
    }

    private static func connect(_ descriptor: Int32, to path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard path.utf8.count < room.count else { return false }
            room.copyBytes(from: path.utf8)
            return true
        }
        guard fits else { return false }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
