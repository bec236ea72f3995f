import Glibc
import Synchronization

/// Says on standard error what is being done and how long it takes: `starting PostgreSQL… 0.8 s`.
final class Progress: Sendable {
    private let output: Int32
    private let isTerminal: Bool
    private let detail = Mutex("")

    init(output: Int32 = STDERR_FILENO) {
        self.output = output
        self.isTerminal = isatty(output) == 1
    }

    /// Shown beside the time while a step takes, on a terminal.
    func show(_ detail: String) { self.detail.withLock { $0 = detail } }

    /// Runs one step.
    ///
    /// - Parameter name: such as `starting PostgreSQL`.
    func step<Result>(_ name: String, _ body: () async throws -> Result) async throws -> Result {
        let start = ContinuousClock.now
        show("")
        if isTerminal { Descriptor.write("\(name)…", to: output) }
        // The task only redraws; it is ended before this function is.
        let ticking = Task { await tick(name, since: start) }
        do {
            let result = try await body()
            ticking.cancel()
            await ticking.value
            end(name, since: start, "")
            return result
        } catch {
            ticking.cancel()
            await ticking.value
            end(name, since: start, " failed")
            throw error
        }
    }

    private func tick(_ name: String, since start: ContinuousClock.Instant) async {
        guard isTerminal else { return }
        while true {
            do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
            let detail = detail.withLock { $0 }
            Descriptor.write("\r\(line(name, since: start))\(detail.isEmpty ? "" : "  \(detail)")\u{1B}[K", to: output)
        }
    }

    private func end(_ name: String, since start: ContinuousClock.Instant, _ word: String) {
        let text = line(name, since: start) + word
        Descriptor.write(isTerminal ? "\r\(text)\u{1B}[K\n" : "\(text)\n", to: output)
    }

    private func line(_ name: String, since start: ContinuousClock.Instant) -> String {
        "\(name)… \(Words.tenths((.now - start) / .seconds(1))) s"
    }
}
