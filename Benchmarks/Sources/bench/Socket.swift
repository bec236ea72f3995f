import Foundation

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

    /// Nothing more will be written: the other side reads the end behind what was.
    func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Wakes whoever reads it or waits for connections.
    func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func close() { Glibc.close(descriptor) }
}
