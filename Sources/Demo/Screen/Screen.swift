internal import Formatting

/// Puts a scene into lines that fit a terminal.
struct Screen: Sendable {
    /// The width in columns; fewer than 40 are treated as 40.
    let width: Int
    /// The height in lines.
    let height: Int

    init(width: Int, height: Int) {
        self.width = max(40, width)
        self.height = max(5, height)
    }

    /// The lines that show a scene: at most ``height``, none wider than ``width``.
    func lines(of scene: Scene, at now: Duration) -> [Line] {
        var parts = [header(scene, at: now), replicas(scene, at: now), datasets(scene, at: now)]
        // What does not fit is left out; before that, the blank lines between the parts.
        for part in [writer(scene, at: now), hints(scene)] where parts.joined().count + part.count <= height {
            parts.append(part)
        }
        var blanks = height - parts.joined().count
        var lines: [Line] = []
        for part in parts {
            if !lines.isEmpty, blanks > 0 {
                lines.append(Line())
                blanks -= 1
            }
            lines += part
        }
        if blanks > 2 { lines += [Line()] + notes(scene, room: blanks - 1) }
        return lines.prefix(height).map { $0.cut(to: width) }
    }

    // MARK: Parts

    private var isNarrow: Bool { width < 72 }

    private func header(_ scene: Scene, at now: Duration) -> [Line] {
        let left = isNarrow ? "Baton demo" : "Baton demo: PostgreSQL into Redis, one leader at a time"
        let right = "\(Words.clock(now))  Ctrl-C ends"
        var title = Line(left, .bold)
        title.add(String(repeating: " ", count: max(1, width - Columns.count(left) - Columns.count(right))))
        title.add(right, .dim)
        var leader = Line("Leader  ", .dim)
        guard let leadership = scene.leadership else {
            leader.add("nobody", .bad)
            return [title, leader]
        }
        leader.add(leadership.lease.holder, .good)
        leader.add(" for \(Words.elapsed(now - leadership.since))")
        let takeovers = ", \(scene.handovers) \(scene.handovers == 1 ? "takeover" : "takeovers") so far"
        guard !isNarrow else { return [title, leader, Line("        epoch \(leadership.lease.epoch)")] }
        leader.add(", epoch \(leadership.lease.epoch)")
        if scene.handovers > 0 { leader.add(takeovers, .dim) }
        return [title, leader]
    }

    private func replicas(_ scene: Scene, at now: Duration) -> [Line] {
        var lines = [Line(Columns.pad("Replica", to: 12) + Columns.pad("PID", to: 9) + "State", .dim)]
        for replica in scene.replicas {
            let state = scene.state(of: replica, at: now)
            var line = Line(Columns.pad(Columns.cut(replica.name, to: 11), to: 12))
            line.add(Columns.pad(replica.pid.map { "\($0)" } ?? "–", to: 9))
            line.add(state.word, style(state.kind))
            if replica.memory > 0, !isNarrow {
                line.add("  \(replica.memory >> 20) MiB", .dim)
            }
            lines.append(line)
        }
        return lines
    }

    private func datasets(_ scene: Scene, at now: Duration) -> [Line] {
        let longest = scene.datasets.map { Columns.count($0.name) }.max() ?? 0
        let name = min(max(longest, 7), isNarrow ? 14 : 20)
        func row(_ cells: [(text: String, width: Int)]) -> String {
            cells.map { Columns.pad($0.text, to: $0.width, toTheRight: true) }.joined()
        }
        func cells(
            _ rows: String, _ changed: String, _ written: String, _ deleted: String, _ ms: String, _ when: String
        )
            -> String
        {
            isNarrow
                ? row([(rows, 10), (written, 8), (when, 8)])
                : row([(rows, 11), (changed, 9), (written, 9), (deleted, 9), (ms, 8), (when, 12)])
        }
        var lines = [
            Line(
                Columns.pad("Dataset", to: name)
                    + cells("rows", "changed", "written", "deleted", "ms", isNarrow ? "ago" : "when"), .dim)
        ]
        for dataset in scene.datasets where dataset.isEnabled {
            var line = Line(Columns.pad(Columns.cut(dataset.name, to: name), to: name))
            if let failure = dataset.failure {
                line.add("  \(KeyText.harmless(failure))", .bad)
            } else if let pass = dataset.lastPass {
                let ago = Words.elapsed(now - dataset.passedAt)
                line.add(
                    cells(
                        TextLayout.grouped(pass.rows), TextLayout.grouped(pass.changed),
                        TextLayout.grouped(pass.written),
                        TextLayout.grouped(pass.deleted), TextLayout.grouped(Int(pass.milliseconds.rounded())),
                        isNarrow ? ago : "\(ago) ago"))
            } else {
                line.add("  no pass yet", .dim)
            }
            lines.append(line)
        }
        let off = scene.datasets.filter { !$0.isEnabled }.map(\.name)
        if !off.isEmpty {
            lines.append(
                Line("Off: \(off.joined(separator: ", "))\(isNarrow ? "" : " (--all switches them on)")", .dim))
        }
        return lines
    }

    private func writer(_ scene: Scene, at now: Duration) -> [Line] {
        var writer = Line("Writer  ", .dim)
        writer.add("\(TextLayout.grouped(scene.changes)) \(scene.changes == 1 ? "change" : "changes")")
        if let change = scene.lastChange { writer.add(", last \(Words.elapsed(now - change.time)) ago") }
        var cache = Line("Cache   ", .dim)
        if let fresh = scene.lastFresh, let summary = scene.freshnessSummary {
            cache.add("fresh after \(Words.brief(fresh.after))", .good)
            if !isNarrow {
                cache.add(", median \(Words.brief(summary.median)), longest \(Words.brief(summary.longest))")
            }
        } else {
            cache.add("no change has arrived yet", .dim)
        }
        return with(writer, scene.lastChange?.text) + with(cache, scene.lastFresh?.text)
    }

    /// A line and what it is about: beside it, or below if that would be too long.
    private func with(_ line: Line, _ text: String?) -> [Line] {
        guard let text else { return [line] }
        guard isNarrow else {
            var line = line
            line.add(": \(text)", .dim)
            return [line]
        }
        return [line, Line("        \(text)", .dim)]
    }

    /// How to poke at what runs.
    func hints(_ scene: Scene) -> [Line] {
        let pid = scene.leader?.pid.map { "\($0)" } ?? "PID"
        let shell =
            scene.place.variablesPath.map { [(". \(ShellText.word($0))", "first; then baton status, history …")] } ?? []
        let hints =
            shell + [
                ("redis-cli -p \(scene.place.redisPort) get \(scene.place.exampleKey)", "a cached row"),
                ("psql -h 127.0.0.1 -p \(scene.place.postgresPort) -U postgres \(scene.place.database)", "change it"),
                ("kill -9 \(pid)", "kill the leader"),
                ("kill -STOP \(pid)", "let it hang; -CONT wakes it"),
            ]
        let commands = hints.map(\.0)
        let column = (commands.map { Columns.count($0) }.max() ?? 0) + 2
        return [Line("Try, in another terminal", .dim)]
            + hints.flatMap { command, effect in
                var line = Line("  \(command)", .bold)
                if isNarrow {
                    // A command must stay whole, to be copied.
                    guard line.width > width else { return [line] }
                    let words = command.split(separator: " ")
                    let half = words.count / 2
                    return [
                        Line("  \(words[..<half].joined(separator: " ")) \\", .bold),
                        Line("    \(words[half...].joined(separator: " "))", .bold),
                    ]
                }
                line.add(String(repeating: " ", count: column - Columns.count(command)))
                line.add("# \(effect)", .dim)
                return [line]
            }
    }

    private func notes(_ scene: Scene, room: Int) -> [Line] {
        let shown = scene.notes.suffix(max(0, room - 1))
        guard !shown.isEmpty else { return [] }
        return [Line("Events", .dim)]
            + shown.map { note in
                var line = Line(Columns.pad(Words.clock(note.time), to: 5, toTheRight: true) + "  ", .dim)
                line.add(Columns.pad(note.subject, to: isNarrow ? 0 : 11) + (isNarrow ? " " : ""))
                line.add(note.text, style(note.kind))
                return line
            }
    }

    private func style(_ kind: Scene.Note.Kind) -> Line.Style {
        switch kind {
        case .plain: .plain
        case .good: .good
        case .bad: .bad
        }
    }
}
