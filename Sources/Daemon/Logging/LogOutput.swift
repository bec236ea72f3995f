internal import Dispatch
internal import Glibc
internal import Logging
internal import Synchronization

/// Where all records of a process go, each as one line.
final class LogOutput: Sendable {
    private let format: LogFormat
    private let write: @Sendable (String) -> Void
    private let clock: @Sendable () -> Duration
    private let folding = Mutex(LogFolding())
    private let queue = DispatchQueue(label: "baton.log")

    /// - Parameters:
    ///   - write: takes a line, its end included; the standard error's unless a test wants it.
    init(
        _ format: LogFormat, clock: @escaping @Sendable () -> Duration = { Uptime.now },
        write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
    ) {
        self.format = format
        self.clock = clock
        self.write = write
    }

    func take(_ record: LogFolding.Record) {
        let kind = LogFolding.Kind(record)
        switch folding.withLock({ $0.take(record, kind, at: clock()) }) {
        case .write: write(format.line(record))
        case .fold(askAfter: let wait?):
            let milliseconds = Int(wait / .milliseconds(1))
            queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [self] in tellRepeats(of: kind) }
        case .fold(askAfter: nil): break
        }
    }

    private func tellRepeats(of kind: LogFolding.Kind) {
        if let record = folding.withLock({ $0.due(kind, at: clock()) }) { write(format.line(record)) }
    }

    /// Writes what was folded and not told yet.
    func flush() {
        for record in folding.withLock({ $0.rest() }) { write(format.line(record)) }
    }
}

/// Standard error, a whole line at a time.
enum StandardError {
    private static let turn = Mutex(())

    static func write(_ line: String) {
        turn.withLock { _ in
            var line = line
            line.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)
                while !rest.isEmpty {
                    let written = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                    if written < 0, errno == EINTR { continue }
                    guard written > 0 else { return }  // nobody listens: a log is not worth an end
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
                }
            }
        }
    }

    /// Whether a person reads it who wants colours: <https://no-color.org>.
    static func isColoured(_ environment: [String: String]) -> Bool {
        isatty(STDERR_FILENO) == 1 && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }
}
