package import Formatting

/// The report of `check`, server by server and dataset by dataset.
package struct CheckReport: Hashable, Sendable {
    /// One server or dataset.
    struct Section: Hashable, Sendable {
        enum Kind: String, Sendable {
            case configuration, redis, postgres, dataset
        }

        let kind: Kind
        let name: String
        /// The text beside the name.
        var title: String
        var facts: [Fact] = []
        var findings: [Finding] = []

        init(_ kind: Kind, _ name: String, title: String) {
            self.kind = kind
            self.name = name
            self.title = title
        }

        mutating func add(_ label: String, _ lines: [String], json: JSONText? = nil) {
            facts.append(Fact(label: label, lines: lines, json: json ?? .text(lines.joined(separator: "\n"))))
        }

        mutating func add(_ label: String, _ line: String, json: JSONText? = nil) { add(label, [line], json: json) }
    }

    /// Something that was found out, in words and for programs.
    struct Fact: Hashable, Sendable {
        let label: String
        let lines: [String]
        let json: JSONText
    }

    var sections: [Section] = []

    /// Everything that was noticed, in the order of the report.
    package var findings: [Finding] { sections.flatMap(\.findings) }

    /// The status with which the command ends: a server that can't be reached or refuses weighs more than a problem.
    package var status: ExitStatus {
        let statuses = Set(findings.filter { $0.severity == .problem }.map(\.status))
        for status in [ExitStatus.internalError, .unavailable, .refused] where statuses.contains(status) {
            return status
        }
        return statuses.isEmpty ? .done : .no
    }

    private func count(_ severity: Finding.Severity) -> Int { findings.count { $0.severity == severity } }

    /// The report for people.
    package func text(_ layout: TextLayout = TextLayout()) -> String {
        var lines: [String] = []
        for section in sections {
            let kind = section.kind == .configuration ? "" : section.kind.rawValue
            let head = KeyText.harmless([kind, section.name].filter { !$0.isEmpty }.joined(separator: " "))
            let title = KeyText.harmless(section.title)
            if head.count + 2 + title.count <= layout.width {
                lines.append(layout.paint(head, .bold) + (title.isEmpty ? "" : "  " + title))
            } else {
                lines.append(layout.paint(head, .bold))
                lines += TextLayout.wrap(title, width: layout.width - 2).map { "  " + $0 }
            }
            for fact in section.facts { lines += layout.entry(fact.label, fact.lines) }
            for finding in section.findings.sorted(by: { $0.severity.weight > $1.severity.weight }) {
                lines += layout.entry(finding.severity.rawValue, ["\(finding)"], finding.severity.colour)
            }
            lines.append("")
        }
        lines.append(verdict(layout))
        return lines.joined(separator: "\n") + "\n"
    }

    private func verdict(_ layout: TextLayout) -> String {
        let problems = TextLayout.count(count(.problem), "problem")
        let warnings = TextLayout.count(count(.warning), "warning")
        if count(.problem) > 0 {
            return layout.paint(count(.warning) > 0 ? "\(problems), \(warnings)" : problems, .red)
        }
        return count(.warning) > 0
            ? layout.paint("No problem, \(warnings)", .yellow) : layout.paint("No problem", .green)
    }

    /// The report for programs: `status`, then `sections`, each with `kind`, `name`, `facts` and `findings`.
    package var json: String {
        JSONText.fields([
            "status": .number(Int(status.rawValue)),
            "problems": .number(count(.problem)),
            "warnings": .number(count(.warning)),
            "sections": .array(
                sections.map { section in
                    .fields([
                        "kind": .text(section.kind.rawValue),
                        "name": .text(section.name),
                        "title": .text(section.title),
                        "facts": .object(section.facts.map { JSONText.Member(name: $0.label, value: $0.json) }),
                        "findings": .array(
                            section.findings.map {
                                .fields([
                                    "severity": .text($0.severity.rawValue), "text": .text($0.text),
                                    "remedy": .text($0.remedy),
                                ])
                            }),
                    ])
                }),
        ]).rendered + "\n"
    }
}

extension Finding.Severity {
    fileprivate var weight: Int {
        switch self {
        case .note: 0
        case .warning: 1
        case .problem: 2
        }
    }

    fileprivate var colour: TextLayout.Colour {
        switch self {
        case .note: .dim
        case .warning: .yellow
        case .problem: .red
        }
    }
}
