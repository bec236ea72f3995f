import LeaderElection
import Testing

@Suite("When a leader that cannot work gives its lease up")
struct IncapacityTests {
    private func isReason(after lasted: Int, earlier: [Int] = []) -> Bool {
        Incapacity.standard.isReason(
            toResignAfter: .seconds(lasted), earlier: earlier.map { Duration.seconds($0) })
    }

    @Test("Not for a trouble that passes")
    func patience() {
        #expect(!isReason(after: 29))
        #expect(isReason(after: 30))
    }

    @Test("At most once a minute, and ever more rarely")
    func rarely() {
        #expect(!isReason(after: 40, earlier: [59]))
        #expect(isReason(after: 40, earlier: [60]))
        #expect(!isReason(after: 40, earlier: [119, 200]))
        #expect(isReason(after: 40, earlier: [200, 120]))
        #expect(!isReason(after: 40, earlier: [239, 500, 900]))
        #expect(isReason(after: 40, earlier: [240, 500, 900]))
        #expect(!isReason(after: 40, earlier: Array(repeating: 1919, count: 20)))
        #expect(isReason(after: 40, earlier: Array(repeating: 1920, count: 20)))
    }

    @Test("What is an hour old is forgotten")
    func memory() {
        #expect(isReason(after: 40, earlier: [60, 3600, 3700, 4000]))
        #expect(!isReason(after: 40, earlier: [60, 3599, 3700, 4000]))
    }

    @Test("Where nobody can ever work, an hour sees few changes")
    func nobodyEver() {
        var changes: [Int] = []
        for second in 0..<3600 where isReason(after: 40, earlier: changes.map { second - $0 }) {
            changes.append(second)
        }
        #expect((2...7).contains(changes.count), "\(changes)")
        #expect(zip(changes, changes.dropFirst()).allSatisfy { $1 - $0 >= 60 })
    }
}
