internal import Dispatch
internal import Formatting
internal import Glibc
internal import Logging
internal import Synchronization

/// The output to which all records of a process go, each as one line.
///
/// A thread of its own writes them: nothing that logs, least of all the election, ever waits for whoever reads the log.
/// While nobody reads, lines are kept up to a limit, and then counted.
package final class LogOutput: Sendable {
    /// How many lines wait for a reader at most.
    static let limit = 10_000

    private let format: LogFormat
    private let write: @Sendable (String) -> Void
    private let clock: @Sendable () -> Duration
    private let folding: Mutex<LogFolding>
    private let backlog = Mutex(Backlog())
    private let queue = DispatchQueue(label: "baton.log")

    private struct Backlog {
        var lines: [String] = []
        var lost = 0
        var isBeingWritten = false
    }

    /// - Parameters:
    ///   - span: how long repeats are counted.
    ///   - write: takes a line, its end included; the standard error's unless a test wants it. It may take its time.
    package init(
        _ format: LogFormat, span: Duration = LogFolding.span,
        clock: @escaping @Sendable () -> Duration = { Uptime.now },
        write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
    ) {
        self.format = format
        self.write = write
        self.clock = clock
        folding = Mutex(LogFolding(span: span))
    }

    func take(_ record: LogFolding.Record) {
        let kind = LogFolding.Kind(record)
        switch folding.withLock({ $0.take(record, kind, at: clock()) }) {
        case .write: enqueue(record)
        case .fold(askAfter: let wait?):
            let milliseconds = Int(wait / .milliseconds(1))
            queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [self] in tellRepeats(of: kind) }
        case .fold(askAfter: nil): break
        }
    }

    /// Writes what was folded and not told yet, and waits until all is written, or nobody has read it for a while.
    func flush(atMost patience: Duration = .seconds(2)) {
        for record in folding.withLock({ $0.rest() }) { enqueue(record) }
        let deadline = ContinuousClock.now + patience
        while backlog.withLock({ $0.isBeingWritten }), ContinuousClock.now < deadline { usleep(1000) }
    }

    private func tellRepeats(of kind: LogFolding.Kind) {
        if let record = folding.withLock({ $0.due(kind, at: clock()) }) { enqueue(record) }
    }

    private func enqueue(_ record: LogFolding.Record) {
        let line = format.line(record)
        let isFirst = backlog.withLock { backlog in
            guard backlog.lines.count < Self.limit else {
                backlog.lost += 1
                return false
            }
            backlog.lines.append(line)
            defer { backlog.isBeingWritten = true }
            return !backlog.isBeingWritten
        }
        if isFirst { queue.async { [self] in drain() } }
    }

    private func drain() {
        while true {
            let (lines, lost) = backlog.withLock { backlog in
                defer { (backlog.lines, backlog.lost) = ([], 0) }
                if backlog.lines.isEmpty { backlog.isBeingWritten = false }
                return (backlog.lines, backlog.lost)
            }
            if lines.isEmpty { return }
            for line in lines { write(line) }
            if lost > 0 {
                write(
                    format.line(
                        LogFolding.Record(
                            label: "replica", level: .warning, message: "records were lost: nobody read the log",
                            metadata: [LogKey.lost.rawValue: "\(lost)"], time: .now)))
            }
        }
    }
}

/// Standard error, a whole line at a time.
package enum StandardError {
    static func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                if written > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
                } else if errno == EAGAIN {
                    var entry = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                    poll(&entry, 1, -1)
                } else if errno != EINTR {
                    return  // nobody listens: a log is not worth an end
                }
            }
        }
    }

    /// Whether a person reads it who wants colours: <https://no-color.org>.
    package static func isColoured(_ environment: [String: String]) -> Bool {
        isatty(STDERR_FILENO) == 1 && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }
}
