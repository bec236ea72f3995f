internal import Daemon
internal import Glibc

/// The standard output and the standard error.
enum Output {
    /// Writes data. If nobody reads it any more, as in `baton plan | head`, the process ends by SIGPIPE like any other tool.
    static func write(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    /// Writes a text in the place of the one before, on a terminal; elsewhere below it.
    static func show(_ text: String) {
        write((isatty(STDOUT_FILENO) == 1 ? "\u{1B}[H\u{1B}[2J" : "") + text)
    }

    /// Writes a line for the person at the terminal.
    static func complain(_ text: String) {
        write(text + "\n", to: STDERR_FILENO)
    }

    /// Colours only for a terminal, and not where they are not wanted: <https://no-color.org>.
    static var layout: TextLayout {
        func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        return TextLayout(
            isColoured: isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").isEmpty && variable("TERM") != "dumb")
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written >= 0 {
                    rest = rest.dropFirst(written)
                } else if errno == EPIPE {
                    // The network library ignores the signal for the whole process.
                    signal(SIGPIPE, SIG_DFL)
                    raise(SIGPIPE)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }
}
