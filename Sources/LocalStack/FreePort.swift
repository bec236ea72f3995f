import Glibc
import Synchronization

/// Ports already given out by this process: two servers that start at the same time must not get the same one.
private let givenOut = Mutex<Set<Int>>([])

/// A TCP port of 127.0.0.1 that nobody listens on and that this process has not been given before.
///
/// It lies below the range from which systems take ports for outgoing connections, so that a server which is restarted
/// finds its port free again. Another process may still take it first: whoever binds it should be ready to try another.
///
/// - Throws: ``LocalStackError`` when no free port was found.
public func freePort() throws -> Int {
    for _ in 0..<500 {
        let candidate = Int.random(in: 10_240..<32_000)
        guard givenOut.withLock({ $0.insert(candidate).inserted }) else { continue }
        if canBind(candidate) { return candidate }
    }
    throw LocalStackError(.system, "found no free TCP port on 127.0.0.1 between 10240 and 32000")
}

private func canBind(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
