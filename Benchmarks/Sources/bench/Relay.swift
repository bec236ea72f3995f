import Foundation
import LocalStack
import Synchronization

/// Passes TCP connections on to a port, until it is cut: then both sides keep their connections, and nothing arrives.
/// What was on its way arrives when it is mended.
final class Relay: Sendable {
    let port: Int
    private let listener: Socket
    private let isCut = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)

    init(to target: Int) throws {
        port = try freePort()
        guard let listener = Socket.listen(at: port) else {
            throw Shell.Failed(description: "cannot listen on port \(port)")
        }
        self.listener = listener
        Thread.detachNewThread { [self] in
            while let near = listener.accept() {
                untilWhole()
                guard !isClosed.load(ordering: .relaxed), let far = Socket.connect(to: target) else {
                    near.close()
                    continue
                }
                carry(near, far)
            }
            listener.close()
        }
    }

    func cut() { isCut.store(true, ordering: .sequentiallyConsistent) }

    func mend() { isCut.store(false, ordering: .sequentiallyConsistent) }

    func close() {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        listener.shutDown()
    }

    private func untilWhole() {
        while isCut.load(ordering: .sequentiallyConsistent), !isClosed.load(ordering: .relaxed) { usleep(1000) }
    }

    private func carry(_ near: Socket, _ far: Socket) {
        let open = Pair(near, far)
        for (source, sink) in [(near, far), (far, near)] {
            Thread.detachNewThread { [self] in
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    untilWhole()
                    let count = source.read(&buffer)
                    untilWhole()
                    guard count > 0, sink.write(buffer[..<count]) else { break }
                }
                sink.endWriting()
                open.oneEnded()
            }
        }
    }

    /// The sockets are closed when neither direction uses them any more.
    private final class Pair: Sendable {
        private let sockets: (Socket, Socket)
        private let ended = Atomic<Int>(0)

        init(_ near: Socket, _ far: Socket) { sockets = (near, far) }

        func oneEnded() {
            guard ended.add(1, ordering: .sequentiallyConsistent).newValue == 2 else { return }
            sockets.0.close()
            sockets.1.close()
        }
    }
}
