internal import CacheRefresh
package import Formatting

/// The report on what the next pass of each dataset would do.
package struct PlanReport: Sendable {
    /// A change that a pass would make to a key, or a row that it would set aside.
    package enum Change: String, CaseIterable, Sendable {
        /// There is no such key yet.
        case new
        /// The key holds something else.
        case change
        /// The key has no row any longer, or is unlinked because its row changed.
        case delete
        /// Its TTL is near its half, or it has none.
        case renew
        /// It is right already, or not loaded by the application where only loaded keys are rewritten.
        case keep
        /// A deletion that the brake would hold.
        case held
        /// A row that can't be written.
        case setAside
    }

    /// How many, and the first of them.
    struct Tally: Hashable, Sendable {
        var count = 0
        var examples: [String] = []

        mutating func add(_ example: @autoclosure () -> String, limit: Int) {
            count += 1
            if examples.count < limit { examples.append(example()) }
        }
    }

    struct DatasetPlan: Hashable, Sendable {
        let name: String
        let redis: String
        var rows = 0
        /// Rows that share a key or an identity with another one.
        var contested = 0
        var tallies: [Change: Tally] = [:]
        /// Notes on what else should be known.
        var notes: [String] = []

        subscript(change: Change) -> Tally { tallies[change] ?? Tally() }
    }

    var datasets: [DatasetPlan] = []

    /// How many keys, or rows, of a dataset would fare so; 0 for one that was not planned.
    package func count(_ change: Change, of dataset: String) -> Int {
        datasets.first { $0.name == dataset }?[change].count ?? 0
    }

    /// The report for people.
    package func text(_ layout: TextLayout = TextLayout()) -> String {
        var lines: [String] = []
        for plan in datasets {
            lines.append(
                layout.paint(plan.name, .bold) + "  \(TextLayout.count(plan.rows, "row")) → redis \(plan.redis)")
            for change in PlanReport.Change.allCases {
                let tally = plan[change]
                guard tally.count > 0 else { continue }
                lines += Self.entry(change, tally, layout)
            }
            if plan.contested > 0 {
                lines += layout.entry("warning", [Self.contestedText(plan.contested)], .yellow)
            }
            for note in plan.notes { lines += layout.entry("note", [note], .dim) }
            lines.append("")
        }
        lines.append(datasets.isEmpty ? "No dataset is switched on" : "Nothing was written")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func entry(_ change: Change, _ tally: Tally, _ layout: TextLayout) -> [String] {
        let number = Columns.pad(TextLayout.grouped(tally.count), to: 11, toTheRight: true)
        let head = "  " + Columns.pad(change.label + " ", to: 18) + number
        guard change != .keep, !tally.examples.isEmpty else { return [head] }
        let more = tally.count - tally.examples.count
        return [change.colour.map { layout.paint(head, $0) } ?? head]
            + tally.examples.map { "      \($0)" }
            + (more > 0 ? ["      … and \(TextLayout.grouped(more)) more"] : [])
    }

    private static func contestedText(_ count: Int) -> String {
        "\(TextLayout.count(count, "row")) share\(count == 1 ? "s" : "") a key or an identity with another one; the lowest "
            + "identity has it."
    }

    /// The report for programs: for each dataset its rows, and for each kind of change how many and the first keys.
    package var json: String {
        JSONText.fields([
            "datasets": .array(
                datasets.map { plan in
                    .fields([
                        "name": .text(plan.name), "redis": .text(plan.redis), "rows": .number(plan.rows),
                        "contested": .number(plan.contested),
                        "changes": .object(
                            PlanReport.Change.allCases.map { change in
                                JSONText.Member(
                                    name: change.rawValue,
                                    value: .fields([
                                        "count": .number(plan[change].count),
                                        "examples": .texts(change == .keep ? [] : plan[change].examples),
                                    ]))
                            }),
                        "notes": .texts(plan.notes),
                    ])
                })
        ]).rendered + "\n"
    }
}

extension PlanReport.Change {
    fileprivate var label: String {
        switch self {
        case .new: "write new"
        case .change: "change"
        case .delete: "delete"
        case .renew: "renew TTL"
        case .keep: "right already"
        case .held: "held by the brake"
        case .setAside: "rows set aside"
        }
    }

    fileprivate var colour: TextLayout.Colour? {
        switch self {
        case .new: .green
        case .change, .held, .setAside: .yellow
        case .delete: .red
        case .renew, .keep: nil
        }
    }
}
