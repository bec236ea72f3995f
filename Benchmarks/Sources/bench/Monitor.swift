import Foundation
import Synchronization

/// Hands every command that a Redis executes to a ``Witness``, with Redis' own time.
///
/// It reads on a thread of its own: what the others do takes nothing from it, and it comes back at once when Redis does.
final class Monitor: Sendable {
    private let isClosed = Atomic<Bool>(false)

    init(port: Int, witness: Witness) {
        Thread.detachNewThread { [self] in
            while !isClosed.load(ordering: .relaxed) {
                if let socket = Socket.connect(to: port) {
                    read(socket, witness)
                    socket.close()
                    witness.lost()
                }
                usleep(1000)
            }
        }
    }

    func close() { isClosed.store(true, ordering: .relaxed) }

    private func read(_ socket: Socket, _ witness: Witness) {
        guard socket.write(Array("MONITOR\r\n".utf8)[...]) else { return }
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while !isClosed.load(ordering: .relaxed) {
            let count = socket.read(&buffer)
            guard count > 0 else { return }
            var rest = buffer[..<count]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                if line.isEmpty {
                    witness.saw(rest[..<end])
                } else {
                    line += rest[..<end]
                    witness.saw(line[...])
                    line.removeAll(keepingCapacity: true)
                }
                rest = rest[(end + 1)...]
            }
            line += rest
        }
    }
}

/// A blocking TCP connection of 127.0.0.1.
struct Socket: Sendable {
    let descriptor: Int32

    static func connect(to port: Int) -> Socket? {
        let socket = open()
        let isConnected = address(port) { Glibc.connect(socket.descriptor, $0, $1) == 0 }
        guard isConnected else {
            socket.close()
            return nil
        }
        return socket
    }

    static func listen(at port: Int) -> Socket? {
        let socket = open()
        let isBound = address(port) { bind(socket.descriptor, $0, $1) == 0 }
        guard isBound, Glibc.listen(socket.descriptor, 64) == 0 else {
            socket.close()
            return nil
        }
        return socket
    }

    private static func open() -> Socket {
        let socket = Socket(descriptor: socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        socket.sendAtOnce()
        return socket
    }

    private static func address<Result>(
        _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func sendAtOnce() {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    func accept() -> Socket? {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { return nil }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        let socket = Socket(descriptor: accepted)
        socket.sendAtOnce()
        return socket
    }

    /// - Returns: how many bytes came; 0 or less at the end.
    func read(_ buffer: inout [UInt8]) -> Int { Glibc.read(descriptor, &buffer, buffer.count) }

    func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Ends it for both sides; whoever reads it wakes.
    func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func close() { Glibc.close(descriptor) }
}
