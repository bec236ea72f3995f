internal import Formatting
internal import Glibc
internal import Operations
internal import Synchronization

/// A line that shows how far something is, on a terminal only and never in what is piped on.
final class ProgressBar: Sendable {
    private struct State {
        var shownAt: ContinuousClock.Instant?
        var isShown = false
    }

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())
    private let start = ContinuousClock.now

    var progress: CacheProgress {
        CacheProgress(isInterrupted: { Interruption.isRequested }, { self.show($0, $1) })
    }

    /// Takes the line away.
    func clear() {
        let isShown = state.withLock { state in
            defer { state.isShown = false }
            return state.isShown
        }
        if isShown { Output.note("\r\u{1B}[K") }
    }

    private func show(_ share: Double, _ text: String) {
        guard isTerminal else { return }
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            // What is quick needs no bar; and ten pictures a second are enough.
            guard now - start > .milliseconds(300), state.shownAt.map({ now - $0 > .milliseconds(100) }) ?? true else {
                return false
            }
            state.shownAt = now
            state.isShown = true
            return true
        }
        guard isDue else { return }
        let columns = Output.columns(of: STDERR_FILENO) ?? 80
        let percent = "\(Int(share * 100)) %"
        let width = max(0, min(40, columns - Columns.count(text) - percent.count - 6))
        let full = Int(share * Double(width))
        let bar =
            width < 5
            ? "" : "[" + String(repeating: "=", count: full) + String(repeating: " ", count: width - full) + "] "
        Output.note("\r\u{1B}[K" + Columns.cut("\(bar)\(percent)  \(text)", to: max(1, columns - 1)))
    }
}
