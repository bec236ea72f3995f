internal import Glibc

/// Wakes one thread that waits for it, at the latest after a while.
///
/// A pipe, since a semaphore of Dispatch's waits on Linux for a moment of the wall clock: one that is set back would
/// keep the thread waiting.
final class StopSignal: Sendable {
    private let (readEnd, writeEnd): (Int32, Int32)

    init() {
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "no pipe can be opened: error \(errno)")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func signal() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// Waits until the signal comes.
    ///
    /// - Parameter limit: how long to wait at most; below a millisecond it does not wait.
    /// - Returns: whether it has come.
    func wait(atMost limit: Duration) -> Bool {
        var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, Int32(limit / .milliseconds(1))) > 0
    }
}
