import Glibc

/// The screen of a terminal, redrawn in place: only lines that changed are written.
///
/// Only one task may use it.
final class Terminal {
    private let output: Int32
    private let usesStyles: Bool
    private var shown: [String] = []
    private var size: (width: Int, height: Int) = (0, 0)
    private var oldMode: termios?
    private var isLeft = false

    /// Whether a file descriptor leads to a terminal that can be redrawn.
    static func canBeDrawn(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && environment("TERM").map { $0 != "dumb" && !$0.isEmpty } == true
            && size(of: descriptor) != nil
    }

    /// Whether people asked for no colours: <https://no-color.org>.
    static var wantsStyles: Bool { environment("NO_COLOR")?.isEmpty ?? true }

    static func size(of descriptor: Int32) -> (width: Int, height: Int)? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Takes over the terminal, on its second screen.
    init(output: Int32 = STDOUT_FILENO) {
        self.output = output
        self.usesStyles = Self.wantsStyles
        oldMode = Self.silenceKeyboard()
        // Second screen, no cursor, no wrapping at the right edge.
        Descriptor.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[H\u{1B}[2J", to: output)
    }

    deinit { leave() }

    /// Gives the terminal back as it was.
    func leave() {
        guard !isLeft else { return }
        isLeft = true
        Descriptor.write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l", to: output)
        if var mode = oldMode {
            tcflush(STDIN_FILENO, TCIFLUSH)
            tcsetattr(STDIN_FILENO, TCSANOW, &mode)
        }
    }

    /// The size in columns and lines.
    var currentSize: (width: Int, height: Int) { Self.size(of: output) ?? (80, 24) }

    /// Shows these lines, and nothing else.
    func draw(_ lines: [Line]) {
        let rendered = lines.map { $0.rendered(withStyles: usesStyles) }
        var text = ""
        let size = currentSize
        if size != self.size {
            self.size = size
            shown = []
            text += "\u{1B}[2J"
        }
        for row in 0..<max(rendered.count, shown.count) {
            let line = row < rendered.count ? rendered[row] : ""
            guard row >= shown.count || shown[row] != line else { continue }
            text += "\u{1B}[\(row + 1);1H\(line)"
            // Behind a full line the cursor still stands on its last column, which would be erased.
            if row >= lines.count || lines[row].width < size.width { text += "\u{1B}[K" }
        }
        shown = rendered
        // Terminals that know it show the whole update at once; others ignore it.
        if !text.isEmpty { Descriptor.write("\u{1B}[?2026h\(text)\u{1B}[?2026l", to: output) }
    }

    /// What is typed would show up amid the drawing.
    private static func silenceKeyboard() -> termios? {
        // A process in the background would be stopped for changing the mode.
        guard isatty(STDIN_FILENO) == 1, tcgetpgrp(STDIN_FILENO) == getpgrp() else { return nil }
        var mode = termios()
        guard tcgetattr(STDIN_FILENO, &mode) == 0 else { return nil }
        var silent = mode
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON)
        tcsetattr(STDIN_FILENO, TCSANOW, &silent)
        return mode
    }
}

/// Writing without a buffer between.
enum Descriptor {
    /// - Returns: whether everything was taken; not if nobody reads any more.
    @discardableResult
    static func write(_ text: String, to descriptor: Int32) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, 1000)
                continue
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
