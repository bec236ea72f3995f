internal import PostgresClient
internal import Synchronization

/// Keeps changing rows, a few changes a second, and looks in Redis how long each takes to get there.
struct Writer: Sendable {
    let postgres: PostgresConfiguration
    let follower: ChangeFollower
    let size: SampleDatabase.Size
    let report: @Sendable (DemoEvent) -> Void

    /// The time between two changes, in milliseconds.
    private static let pause = 150...450
    /// Further changes are made but not followed.
    private static let mostFollowed = 16

    /// Runs until the task is cancelled.
    func run() async {
        var changes = SampleChanges(size)
        var isTroubled = false
        while !Task.isCancelled {
            do {
                let connection = try await PostgresConnection.connect(postgres)
                isTroubled = false
                try await keepChanging(&changes, on: connection)
            } catch {
                guard !Task.isCancelled else { return }
                if !isTroubled { report(.trouble("the writer can't go on: \(error)")) }
                isTroubled = true
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func keepChanging(_ changes: inout SampleChanges, on connection: PostgresConnection) async throws {
        let followed = Followed()
        try await withThrowingDiscardingTaskGroup { group in
            defer { group.cancelAll() }
            var random = SystemRandomNumberGenerator()
            while !Task.isCancelled {
                let change = changes.next(newID: try await reserveID(on: connection), using: &random)
                // While an earlier change of the same rows is on its way, the cache could not tell the two apart.
                guard !followed.contains(change.subjects) else { continue }
                if let awaited = try await make(change, on: connection), !awaited.isEmpty,
                    followed.begin(change.subjects, limit: Self.mostFollowed)
                {
                    let committed = ContinuousClock.now
                    group.addTask {
                        await follow(change, awaited, since: committed)
                        followed.end(change.subjects)
                    }
                }
                try await Task.sleep(for: .milliseconds(Int.random(in: Self.pause, using: &random)))
            }
        }
    }

    private func reserveID(on connection: PostgresConnection) async throws(PostgresError) -> Int {
        let rows = try await connection.query("select nextval(pg_get_serial_sequence('merchants', 'id'))")
        return rows.first?[0].flatMap { Int($0) } ?? 0
    }

    /// - Returns: what the cache should show; nil if there was nothing to change.
    private func make(_ change: SampleChange, on connection: PostgresConnection) async throws -> [AwaitedKey]? {
        let before = try await follower.keys(of: change, on: connection)
        try await follower.fill(before)
        guard try await !connection.query(change.sql).isEmpty else { return nil }
        report(.changed(change.words))
        return follower.awaited(before: before, after: try await follower.keys(of: change, on: connection))
    }

    private func follow(
        _ change: SampleChange, _ awaited: [AwaitedKey], since committed: ContinuousClock.Instant
    ) async {
        if let delay = await follower.follow(awaited, since: committed) {
            report(.fresh(change.words, after: delay))
        } else if !Task.isCancelled {
            report(.overdue(change.words, after: ChangeFollower.patience))
        }
    }
}

/// What is changing and was not seen in the cache yet.
private final class Followed: Sendable {
    private let subjects = Mutex<[Set<String>]>([])

    func contains(_ some: Set<String>) -> Bool {
        subjects.withLock { $0.contains { !$0.isDisjoint(with: some) } }
    }

    /// - Returns: whether there is room for one more.
    func begin(_ some: Set<String>, limit: Int) -> Bool {
        subjects.withLock { subjects in
            guard subjects.count < limit else { return false }
            subjects.append(some)
            return true
        }
    }

    func end(_ some: Set<String>) {
        subjects.withLock { subjects in
            if let place = subjects.firstIndex(of: some) { subjects.remove(at: place) }
        }
    }
}
