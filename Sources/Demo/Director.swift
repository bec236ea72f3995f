internal import Formatting
import Glibc

/// Hears what happens and shows it: on a terminal in place, else line by line.
struct Director: Sendable {
    let scene: Scene
    let events: AsyncStream<DemoEvent>
    /// When to end; nil for never.
    let duration: Duration?

    /// Runs until the duration is over, the task is cancelled or nobody reads what is written.
    ///
    /// - Throws: ``DemoError`` if no replica gets going.
    func run() async throws {
        var scene = scene
        let display: any Display = Terminal.canBeDrawn(STDOUT_FILENO) ? ScreenDisplay() : LineDisplay()
        let start = ContinuousClock.now
        var failures: [String: String] = [:]
        for await event in events {
            let now = ContinuousClock.now - start
            let note = scene.apply(event, at: now)
            guard display.show(scene, event, note, at: now) else { break }
            if case .replicaEnded(let name, let ending, _) = event { failures[name] = ending }
            if failures.count == scene.replicas.count, scene.leadership == nil, scene.handovers == 0 {
                display.close(scene, at: now)
                throw DemoError(.replica, Self.describe(failures, scene))
            }
            if let duration, now >= duration { break }
            if Task.isCancelled { break }
        }
        display.close(scene, at: .now - start)
    }

    private static func describe(_ failures: [String: String], _ scene: Scene) -> String {
        let said = scene.notes.suffix(5).map { "  \($0.subject): \($0.text)" }
        return (["No replica could go on. The last that they said:"] + said).joined(separator: "\n")
    }
}

/// A way of showing the scene.
private protocol Display {
    /// - Parameter note: what is new and worth a line.
    /// - Returns: whether anybody still reads.
    func show(_ scene: Scene, _ event: DemoEvent, _ note: Scene.Note?, at now: Duration) -> Bool
    func close(_ scene: Scene, at now: Duration)
}

/// Draws the screen anew with each tick.
private final class ScreenDisplay: Display {
    private let terminal = Terminal()

    func show(_ scene: Scene, _ event: DemoEvent, _ note: Scene.Note?, at now: Duration) -> Bool {
        guard event == .tick else { return true }
        let size = terminal.currentSize
        terminal.draw(Screen(width: size.width, height: size.height).lines(of: scene, at: now))
        return true
    }

    func close(_ scene: Scene, at now: Duration) {
        terminal.leave()
        Descriptor.write(Summary.text(scene, at: now), to: STDOUT_FILENO)
    }
}

/// Writes a line for each event that is worth one.
private final class LineDisplay: Display {
    private var hasShownHints = false

    func show(_ scene: Scene, _ event: DemoEvent, _ note: Scene.Note?, at now: Duration) -> Bool {
        if !hasShownHints, scene.leader != nil {
            hasShownHints = true
            let hints = Screen(width: 120, height: 24).hints(scene).map(\.text).joined(separator: "\n")
            Descriptor.write("\(hints)\n", to: STDOUT_FILENO)
        }
        guard let note else { return true }
        let time = Columns.pad("\(Words.tenths(note.time / .seconds(1))) s", to: 9, toTheRight: true)
        return Descriptor.write("\(time)  \(Columns.pad(note.subject, to: 10)) \(note.text)\n", to: STDOUT_FILENO)
    }

    func close(_ scene: Scene, at now: Duration) {
        Descriptor.write(Summary.text(scene, at: now), to: STDOUT_FILENO)
    }
}

private enum Summary {
    static func text(_ scene: Scene, at now: Duration) -> String {
        var parts = ["\(TextLayout.grouped(scene.changes)) changes"]
        if let freshness = scene.freshnessSummary {
            parts.append(
                "in the cache after \(Words.brief(freshness.median)) (median) to \(Words.brief(freshness.longest))")
        }
        parts.append("\(scene.handovers) \(scene.handovers == 1 ? "takeover" : "takeovers")")
        return "The demo ended after \(Words.clock(now)): \(parts.joined(separator: ", ")).\n"
    }
}
