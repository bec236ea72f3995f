/// Keeps to a number of keys a second.
struct Pace {
    private let rate: Int?
    private let progress: CacheProgress
    private let start = ContinuousClock.now
    private var done = 0

    init(rate: Int?, _ progress: CacheProgress) {
        self.rate = rate
        self.progress = progress
    }

    /// How many keys may go without a wait: the rate is kept to in tenths of a second.
    var step: Int { rate.map { max(1, $0 / 10) } ?? .max }

    /// - Throws: ``InspectionError`` if nobody wants to wait any more.
    mutating func wait(after count: Int) async throws {
        try progress.goOn()
        guard let rate, rate > 0 else { return }
        done += count
        let due = start + .seconds(Double(done) / Double(rate))
        while case let now = ContinuousClock.now, now < due {
            try await Task.sleep(for: min(due - now, .milliseconds(100)))
            try progress.goOn()
        }
    }
}
