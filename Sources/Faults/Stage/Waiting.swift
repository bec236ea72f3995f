internal import LocalStack

/// What kept a run from going on: a condition that did not come true in time, or a program that failed.
public struct FaultError: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until `condition` holds.
///
/// - Returns: how long it took.
/// - Throws: ``FaultError`` if it did not within `limit`.
@discardableResult
public func eventually(
    _ what: String, within limit: Duration = .seconds(20), every pause: Duration = .milliseconds(20),
    _ condition: () async throws -> Bool
) async throws -> Duration {
    let start = ContinuousClock.now
    while try await !condition() {
        guard ContinuousClock.now - start < limit else { throw FaultError(description: "\(what): not within \(limit)") }
        try await Task.sleep(for: pause)
    }
    return ContinuousClock.now - start
}

/// Runs a program to its end and answers what it printed.
@discardableResult
func run(_ program: String, _ arguments: [String]) async throws -> String {
    let process = try await ChildProcess.start(program, arguments)
    var output: [String] = []
    for await line in process.standardOutput { output.append(line) }
    let status = await process.wait()
    guard status.isSuccess else {
        var errors: [String] = []
        for await line in process.standardError { errors.append(line) }
        let command = ([program] + arguments).joined(separator: " ")
        throw FaultError(description: "\(command): \(status): \(errors.joined(separator: "\n"))")
    }
    return output.joined(separator: "\n")
}
