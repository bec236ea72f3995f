package import Formatting
internal import GroupState

/// The report of `baton status`: who leads, and who could.
package struct StatusReport: Sendable {
    package let view: GroupView
    /// Where the lease is, without secrets.
    let server: String
    /// Why that Redis takes no writes, so that nobody is elected and nothing is told there; nil if it takes them.
    var refusalOfWrites: String?

    /// `no` unless somebody leads.
    package var status: ExitStatus { view.leader == nil ? .no : .done }

    /// The report for people.
    package func text(_ layout: TextLayout) -> String {
        var lines = ["\(layout.paint("group \(view.group)", .bold)) at \(server)", ""]
        if let leader = view.leader {
            lines += layout.entry("leader", ["\(leader.name.shown), epoch \(leader.epoch)"], .green)
            let age = TextLayout.age(view.nowMilliseconds - leader.sinceMilliseconds)
            lines += layout.entry("since", ["\(WallClock(leader.sinceMilliseconds).date) (\(age))"])
            lines += layout.entry("lease", [leaseText(leader)])
        } else if view.leaseIsGarbage {
            lines += layout.entry("leader", ["the lease holds something that is no lease: see `baton fsck`"], .red)
        } else {
            lines += layout.entry("leader", ["none"], .red)
        }
        if let refusalOfWrites { lines += layout.entry("redis", ["takes no writes: \(refusalOfWrites)"], .red) }
        if let pause = view.pause {
            let left = TextLayout.age(pause.untilMilliseconds - view.nowMilliseconds)
            lines += layout.entry(
                "pause", ["\(pauseState), for \(left) more, by \(pause.by.shown)" + Self.because(pause.reason)], .yellow
            )
        }
        if let request = view.stepDown {
            let heir = request.successor.isEmpty ? "" : " for \(request.successor.shown)"
            lines += layout.entry(
                "request", ["that it steps down\(heir), by \(request.by.shown)" + Self.because(request.reason)], .yellow
            )
        }
        if !view.unreadable.isEmpty {
            let which = view.unreadable.joined(separator: ", ")
            lines += layout.entry("fault", ["something in \(which) can't be read: see `baton fsck`"], .red)
        }
        lines.append("")
        let now = view.nowMilliseconds
        let replicas = view.membership.replicas.sorted {
            ($0.name, $1.startedMilliseconds) < ($1.name, $0.startedMilliseconds)
        }
        let present = Set(view.present.map(\.id))
        lines += TextLayout.table(
            header: ["REPLICA", "STATE", "SEEN", "RUNS FOR", "VERSION", "REVISION"],
            replicas.map { replica in
                [
                    replica.name.shown, state(of: replica, isPresent: present.contains(replica.id)).shown,
                    "\(TextLayout.age(now - replica.seenMilliseconds)) ago",
                    TextLayout.age(now - replica.startedMilliseconds), replica.version.shown,
                    replica.revision.shown,
                ]
            }
        ).map { "  " + $0 }
        for replica in view.present where !replica.missing.isEmpty {
            let text = "\(replica.name) cannot work: nothing comes from \(replica.missing.joined(separator: ", "))"
            lines += layout.entry("unable", [TextLayout.printable(text.utf8)], .red)
        }
        if replicas.isEmpty { lines.append("  no replica was seen within the last hour") }
        if let statistics = view.statistics, !statistics.entries.isEmpty {
            lines += [""] + statistics.table.map { "  " + $0 }
            for entry in statistics.entries {
                guard let problem = entry.statistics.problem else { continue }
                let shown = TextLayout.shortened(KeyText.harmless(problem), DatasetStatistics.problemLimit)
                lines += layout.entry("problem", ["\(entry.dataset.shown): \(shown)"], .red)
            }
            for entry in statistics.entries {
                if let text = entry.statistics.slowness {
                    lines += layout.entry("pass", ["\(entry.dataset): \(text)"], .yellow)
                }
            }
            for entry in statistics.entries {
                guard let held = entry.statistics.held else { continue }
                lines += layout.entry(
                    "brake",
                    [
                        "\(entry.dataset): \(held.text). `baton plan` lists them; if they are right, "
                            + "`baton confirm \(entry.dataset)`"
                    ], .yellow)
            }
            for entry in statistics.entries {
                guard let gate = entry.statistics.gate else { continue }
                let shown = TextLayout.printable(gate.utf8, limit: DatasetStatistics.problemLimit)
                lines += layout.entry(
                    "gate", ["\(entry.dataset): kept open, so that each tick reads all rows, \(shown)"], .yellow)
            }
            lines.append("  of the last minute: PASSES that read rows, how long, and from tick to tick")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The report for programs. Epochs are texts: not every reader of JSON keeps large numbers.
    package var json: String {
        let now = view.nowMilliseconds
        let leader: JSONText =
            view.leader.map { leader in
                .fields([
                    "name": .text(leader.name), "epoch": .text(leader.epoch),
                    "sinceMilliseconds": .number(Int(leader.sinceMilliseconds)),
                    "leaseLeftMilliseconds": leader.leftMilliseconds.map { .number(Int($0)) } ?? .null,
                    "deployment": .text(leader.deployment),
                ])
            } ?? .null
        let pause: JSONText =
            view.pause.map { pause in
                .fields([
                    "state": .text(pauseState), "untilMilliseconds": .number(Int(pause.untilMilliseconds)),
                    "by": .text(pause.by), "reason": .text(pause.reason),
                ])
            } ?? .null
        let stepDown: JSONText =
            view.stepDown.map { request in
                .fields([
                    "epoch": .text(request.epoch), "to": .text(request.successor), "by": .text(request.by),
                    "reason": .text(request.reason),
                ])
            } ?? .null
        let present = Set(view.present.map(\.id))
        let replicas = view.membership.replicas.sorted { $0.name < $1.name }.map { replica in
            JSONText.fields([
                "name": .text(replica.name),
                "state": .text(state(of: replica, isPresent: present.contains(replica.id))),
                "epoch": replica.epoch.isEmpty ? .null : .text(replica.epoch),
                "seenMilliseconds": .number(Int(replica.seenMilliseconds)),
                "startedMilliseconds": .number(Int(replica.startedMilliseconds)), "version": .text(replica.version),
                "revision": .text(replica.revision), "missing": .texts(replica.missing),
            ])
        }
        return JSONText.fields([
            "group": .text(view.group), "nowMilliseconds": .number(Int(now)), "leader": leader, "pause": pause,
            "writesRefused": refusalOfWrites.map { .text($0) } ?? .null, "stepDown": stepDown,
            "replicas": .array(replicas), "lastMinute": view.statistics?.json ?? .null,
        ]).rendered + "\n"
    }

    /// What the leader says of itself.
    private var pauseState: String {
        let leader = view.present.first { $0.state == "leader" && $0.epoch == view.leader?.epoch }
        return leader?.pause == .paused ? "paused" : leader == nil ? "requested" : "pausing"
    }

    /// One that said that it leads may have been succeeded since.
    private func state(of replica: ReplicaInfo, isPresent: Bool) -> String {
        guard isPresent else { return "gone" }
        return replica.state == "leader" && replica.epoch != view.leader?.epoch ? "deposed" : replica.state
    }

    private func leaseText(_ leader: GroupView.Leader) -> String {
        guard let left = leader.leftMilliseconds else { return "never runs out: see `baton fsck`" }
        let heard = view.listeners == 0 ? "; its connections seem to be gone" : ""
        return "\(left) ms left\(heard)"
    }

    static func because(_ reason: String) -> String { reason.isEmpty ? "" : ": \(reason.shown)" }
}
