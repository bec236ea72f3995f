import LeaderElection
import TestSupport
import Testing

@testable import Telemetry

@Suite("The metrics that there are")
struct MetricFamilyTests {
    @Test("have each a name by the conventions, and a help of their own")
    func conventions() {
        let all = MetricFamily.all
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(Set(all.map(\.help)).count == all.count)
        for family in all {
            #expect(family.name.wholeMatch(of: /(baton|process)_[a-z_]+/) != nil)
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
            #expect(family.help.hasSuffix("."), "\(family.name)")
            if case .histogram(let bounds) = family.kind {
                #expect(family.name.hasSuffix("_seconds") && bounds == bounds.sorted() && bounds.count <= 16)
            }
        }
    }

    @Test("are in the tables of docs/operations.md, in their order, with the same words")
    func documentation() throws {
        let page = try ConfigurationFixture.read("docs/operations.md")
        let documented = page.split(separator: "\n").filter { $0.hasPrefix("| `baton_") || $0.hasPrefix("| `process_") }
        let expected = MetricFamily.all.map { family in
            let labels = family.labels.isEmpty ? "" : "{\(family.labels.joined(separator: ","))}"
            return "| `\(family.name)\(labels)` | \(family.kind.name) | \(family.help) |"
        }
        #expect(
            documented.map(String.init) == expected,
            "docs/operations.md should say:\n\(expected.joined(separator: "\n"))")
    }

    @Test("know every reason for which a term ends")
    func reasons() {
        let lease = Lease(text: "", epoch: .zero, token: .random(), holder: "", sinceMilliseconds: 0)
        var reasons: [EndReason] = [.deadline]
        while let last = reasons.last {
            let next: EndReason? =
                switch last {
                case .deadline: .leaseGone
                case .leaseGone: .takenOver(by: lease)
                case .takenOver: .workEnded
                case .workEnded: .steppedDown
                case .steppedDown: .cannotWork
                case .cannotWork: .shutdown
                // With the others no term ends: a lease is given back before one began.
                case .shutdown, .lateAnswer, .outranked: nil
                }
            guard let next else { break }
            reasons.append(next)
        }
        #expect(reasons.map(\.description) == EndReason.words)
    }
}
