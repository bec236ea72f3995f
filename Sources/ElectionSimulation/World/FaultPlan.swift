/// A fault that can happen by itself in a schedule.
enum Fault: String, CaseIterable, Sendable {
    case pause, crash, shutdown, replicaClockJump, cut, serverRestart, serverStall, failover, wallClockStep
    case leaseDeleted, leaseOverwritten, leaseWithoutTTL, fenceDeleted, wakeUp, workReturns, silence
}

/// How hard a schedule is. Each allows only some of the faults: with all of them at once, most are hidden by the
/// others.
struct FaultPlan: Sendable {
    /// May be there more than once, and is then more frequent.
    let faults: [Fault]
    /// The time between two faults, on average.
    let interval: Microseconds
    /// When the faults end.
    let end: Microseconds
    let replicas: Int
    /// The wall clocks of all servers show the same time and are never set: epochs then grow whatever is lost.
    let wallClocksAgree: Bool
    let replicates: Bool
    /// The largest drift of a clock against true time, in millionths. That of a leader and that of Redis may differ by
    /// twice as much, which the margin of the timing must cover.
    static let greatestDrift: Int64 = 80_000

    /// Shares of all messages.
    let lost: Double
    let slow: Double
    let repeated: Double
    /// The share of messages that overtake others on the same way.
    let reordered: Double
    /// A slow message takes up to this long.
    let slowness: Microseconds
    let replicationLag: Microseconds
    /// How long work takes to end after its term.
    let workEndsWithin: Microseconds

    /// The faults' names, for the trace.
    var summary: String { faults.map(\.rawValue).joined(separator: " ") }

    init(using chance: inout Chance) {
        let allowed = Fault.allCases.filter { _ in chance.happens(0.4) }
        faults = allowed + allowed.filter { _ in chance.happens(0.3) }
        interval = .milliseconds(chance.number(in: 300...2500))
        end = .seconds(chance.number(in: 5...14))
        replicas = Int(chance.number(in: 2...4))
        replicates = faults.contains(.failover)
        wallClocksAgree = !faults.contains(.wallClockStep)
        lost = chance.happens(0.5) ? 0 : Double(chance.number(in: 1...150)) / 1000
        slow = chance.happens(0.3) ? 0 : Double(chance.number(in: 1...250)) / 1000
        repeated = chance.happens(0.6) ? 0 : Double(chance.number(in: 1...100)) / 1000
        reordered = chance.happens(0.5) ? 0 : Double(chance.number(in: 1...200)) / 1000
        slowness = .milliseconds(chance.happens(0.6) ? 700 : 5000)
        replicationLag = .milliseconds(chance.happens(0.5) ? 2 : chance.number(in: 1...3000))
        workEndsWithin = .milliseconds(chance.happens(0.8) ? 300 : 3000)
    }
}
