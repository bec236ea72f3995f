/// Asks `condition` every `interval` until it answers something or `limit` has passed.
///
/// - Returns: the first answer that is not nil; nil when the time is over.
func poll<Answer>(
    for limit: Duration, every interval: Duration = .milliseconds(5), _ condition: () async throws -> Answer?
) async throws -> Answer? {
    let deadline = ContinuousClock.now + limit
    while true {
        if let answer = try await condition() { return answer }
        guard ContinuousClock.now < deadline else { return nil }
        try await Task.sleep(for: interval)
    }
}
