/// Something that did not come true in time.
public struct TimedOut: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until `condition` holds.
///
/// - Parameter what: names the condition in an error.
/// - Returns: how long it took.
/// - Throws: ``TimedOut`` if it did not within `limit`; what `condition` throws.
@discardableResult
public func eventually(
    _ what: String, within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(20),
    _ condition: () async throws -> Bool
) async throws -> Duration {
    let start = ContinuousClock.now
    while try await !condition() {
        guard ContinuousClock.now - start < limit else { throw TimedOut(description: "\(what): not within \(limit)") }
        try await Task.sleep(for: pause)
    }
    return ContinuousClock.now - start
}
