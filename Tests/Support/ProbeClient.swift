internal import Dispatch
internal import Glibc

/// Asks an HTTP server without tasks or event loops, so that it works where nothing else does.
package enum ProbeClient {
    package struct Answer: Sendable {
        /// 0 if there was none.
        package var status = 0
        package var head = ""
        package var body = ""
    }

    /// - Parameter address: `127.0.0.1:port`.
    package static func get(_ path: String, at address: String, method: String = "GET") -> Answer {
        exchange("\(method) \(path) HTTP/1.1\r\nHost: test\r\n\r\n", at: address)
    }

    /// Sends what stands there, and reads until the other side has nothing more to say, a minute at most.
    package static func exchange(_ request: String, at address: String) -> Answer {
        guard let socket = Socket(address) else { return Answer() }
        socket.send(request)
        return socket.answer()
    }

    /// The same, on a thread that nobody else needs.
    package static func asking(_ request: String, at address: String) async -> Answer {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: exchange(request, at: address)) }
        }
    }

    /// A connection.
    package final class Socket: Sendable {
        private let descriptor: Int32

        package init?(_ address: String) {
            guard let port = address.split(separator: ":").last.flatMap({ UInt16($0) }) else { return nil }
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var patience = timeval(tv_sec: 60, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = port.bigEndian
            target.sin_addr.s_addr = inet_addr("127.0.0.1")
            let status = withUnsafePointer(to: &target) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard status == 0 else { return nil }
        }

        deinit { close(descriptor) }

        package func send(_ text: String) {
            var text = text
            text.withUTF8 { _ = Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }

        /// Everything up to the end, which may be nothing.
        package func answer() -> Answer {
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(descriptor, &piece, piece.count, 0), count > 0 { bytes += piece[..<count] }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let end = text.firstRange(of: "\r\n\r\n") else { return Answer() }
            let status = text.split(separator: " ", maxSplits: 2).dropFirst().first.flatMap { Int($0) } ?? 0
            return Answer(status: status, head: String(text[..<end.lowerBound]), body: String(text[end.upperBound...]))
        }
    }
}
