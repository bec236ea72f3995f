/// What a benchmark measured, beside what was asked for.
struct Figure: Codable {
    enum Better: String, Codable {
        case higher
        case lower
    }

    /// `benchmark.figure`, for example `full_pass.ratio`.
    let name: String
    let value: Double
    let unit: String
    /// Nil where nothing was asked for, and the figure only explains another.
    let goal: Double?
    let better: Better

    var isReached: Bool {
        guard let goal else { return true }
        return better == .higher ? value >= goal : value <= goal
    }

    private enum CodingKeys: CodingKey {
        case name, value, unit, goal, better
    }

    func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(name, forKey: .name)
        try members.encode((value * 1000).rounded() / 1000, forKey: .value)
        try members.encode(unit, forKey: .unit)
        try members.encode(goal, forKey: .goal)
        try members.encode(better, forKey: .better)
    }
}

extension Collection<Double> {
    /// Zero of nothing.
    var median: Double {
        let sorted = sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

extension Duration {
    var seconds: Double { self / .seconds(1) }
    var milliseconds: Double { self / .milliseconds(1) }
}
