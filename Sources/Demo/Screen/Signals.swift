import Dispatch
import Glibc
import Synchronization

/// Signals as a stream.
///
/// They are caught, not ignored: what is ignored would be ignored by the programs that are started, too.
enum Signals {
    /// The numbers of the signals that arrive from now on. Handlers, and a thread that waits, stay as long as the
    /// process.
    static func stream(of numbers: [Int32]) -> AsyncStream<Int32> {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return AsyncStream { $0.finish() } }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler must never wait; a signal too many is as good as none.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        doorbell.store(ends[1], ordering: .sequentiallyConsistent)
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        let reading = ends[0]
        DispatchQueue(label: "signals").async {
            var byte: UInt8 = 0
            while true {
                let count = read(reading, &byte, 1)
                if count == 1 { continuation.yield(Int32(byte)) } else if count == 0 || errno != EINTR { return }
            }
        }
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { ring($0) }
        action.sa_flags = SA_RESTART
        for number in numbers { sigaction(number, &action, nil) }
        return stream
    }
}

/// The end of the pipe that handlers write to.
private let doorbell = Atomic<Int32>(-1)

/// Does only what is allowed in a signal handler.
private func ring(_ number: Int32) {
    let saved = errno
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(doorbell.load(ordering: .relaxed), &byte, 1)
    errno = saved
}
