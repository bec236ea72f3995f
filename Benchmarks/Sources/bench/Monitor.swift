import Foundation
import LocalStack
import Synchronization

/// Hands every command that a Redis executes to a ``Witness``, with Redis' own time.
///
/// It reads on a thread of its own: what the others do takes nothing from it, and it comes back at once when Redis
/// does.
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
        guard socket.write(Array("AUTH default \(LocalPassword.ofThisProcess)\r\nMONITOR\r\n".utf8)[...]) else {
            return
        }
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
