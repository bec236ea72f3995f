/// Says how long a row's keys live, and when that is renewed: once no more than half of the dataset's TTL is left.
struct RenewalSchedule: Sendable {
    private let ttlMilliseconds: Int64
    /// The share by which the TTLs of rows differ, up and down.
    private let jitter: Double
    /// The earliest renewal of any row, in seconds of the refresh's clock.
    private(set) var next = UInt32.max

    init(_ dataset: Dataset) {
        ttlMilliseconds = max(1, dataset.ttl.milliseconds)
        jitter = dataset.ttlJitter
    }

    /// The TTL of a row's keys, in milliseconds: the same each time, one of 64, so that they don't expire all at once.
    /// More would only be more text for Redis to read: the moments of writing differ too.
    func ttl(of row: UInt32, in table: borrowing DigestTable) -> Int64 {
        let spread = (table.spread(of: row) * 64).rounded(.down) / 63
        let factor = 1 + jitter * (2 * spread - 1)
        return max(1, Int64(Double(ttlMilliseconds) * factor))
    }

    func isDue(at now: Duration) -> Bool { next <= now.wholeSeconds }

    /// Notes how long a row's keys have left to live, in milliseconds from now on.
    mutating func keysLive(_ milliseconds: Int64, of row: UInt32, at now: Duration, in table: inout DigestTable) {
        let delay = max(0, milliseconds - ttlMilliseconds / 2)
        let second = UInt32(clamping: (now.milliseconds + delay) / 1000)
        table[renewAt: row] = second
        expect(second)
    }

    /// Notes that a row's keys are to be renewed at once.
    mutating func renewNow(_ row: UInt32, in table: inout DigestTable) {
        table[renewAt: row] = 0
        expect(0)
    }

    /// Notes that some row is to be renewed then, in seconds of the refresh's clock.
    mutating func expect(_ second: UInt32) { next = min(next, second) }

    /// Forgets when the next renewal is due, for whoever goes through the rows and finds it out anew.
    mutating func forgetNext() { next = .max }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// Whole seconds, rounded down, for times that are not negative.
    var wholeSeconds: UInt32 { UInt32(clamping: components.seconds) }
}
