package import LeaderElection

/// Watches whether the work of a term gets anywhere, and tells the term when it does not.
package struct WorkWatch: Sendable {
    let term: LeadershipTerm
    let signs: SignsOfLife
    let incapacity: Incapacity
    /// Answers which servers can't be reached.
    let trial: @Sendable () async -> [String]

    package init(
        term: LeadershipTerm, signs: SignsOfLife, incapacity: Incapacity,
        trial: @escaping @Sendable () async -> [String]
    ) {
        self.term = term
        self.signs = signs
        self.incapacity = incapacity
        self.trial = trial
    }

    /// Watches until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: incapacity.patience / 30)
            let doubted = signs.silences.filter { .now - $0.value >= incapacity.patience / 3 }
            guard !doubted.isEmpty, !Task.isCancelled else {
                term.obstructed(by: nil)
                continue
            }
            let missing = await trial()
            for server in doubted.keys where !missing.contains(server) { signs.heard(server) }
            let silent = missing.compactMap { doubted[$0] }
            term.obstructed(
                by: silent.min().map { Obstacle(missing: missing.filter { doubted[$0] != nil }, since: $0) })
        }
    }
}
