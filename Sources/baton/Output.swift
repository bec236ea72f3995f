internal import Formatting
internal import Glibc
internal import Synchronization

/// The standard output and the standard error.
enum Output {
    /// Why the standard output took no more; nil while it takes everything.
    static var failure: String? { lastFailure.withLock { $0 } }

    /// Writes data. If nobody reads it any more, as in `baton plan | head`, the process ends by SIGPIPE like any other
    /// tool.
    static func write(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    /// Writes a text in the place of the one before, on a terminal; elsewhere below it.
    static func show(_ text: String) {
        write((isatty(STDOUT_FILENO) == 1 ? "\u{1B}[H\u{1B}[2J" : "") + text)
    }

    /// Writes data that may be no text.
    static func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0, to: STDOUT_FILENO) }
    }

    /// Writes for the person at the terminal, without ending the line.
    static func note(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// How wide the terminal is to which data goes; nil if it goes elsewhere.
    static var columns: Int? { columns(of: STDOUT_FILENO) }

    static func columns(of descriptor: Int32) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes for the person at the terminal, and ends the line. Errors tell what servers said: whatever that is does
    /// nothing to the terminal.
    static func complain(_ text: String) {
        write(KeyText.harmless(text) { $0 == "\n" } + "\n", to: STDERR_FILENO)
    }

    /// The layout is as wide as the terminal. It has colours only for a terminal, and not where they are not wanted:
    /// <https://no-color.org>.
    static var layout: TextLayout {
        func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        return TextLayout(
            isColoured: isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").isEmpty && variable("TERM") != "dumb",
            columns: columns)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0), to: descriptor) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
        var rest = bytes[...]
        // What comes after a gap is of no use.
        guard descriptor != STDOUT_FILENO || failure == nil else { return }
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno == EPIPE {
                // The network library ignores the signal for the whole process.
                signal(SIGPIPE, SIG_DFL)
                raise(SIGPIPE)
            } else if errno != EINTR {
                if descriptor == STDOUT_FILENO { failed(errno) }
                return
            }
        }
    }

    private static func failed(_ number: Int32) {
        let reason = String(cString: strerror(number))
        lastFailure.withLock { $0 = $0 ?? reason }
    }
}

private let lastFailure = Mutex<String?>(nil)
