package import Logging

/// The names of everything that log records carry besides their message: one list, so that a name means one thing.
///
/// docs/operations.md explains each; a test compares.
package enum LogKey: String, CaseIterable, Sendable {
    case address
    case after
    case by
    case changed
    case contested
    case dataset
    case deleted
    case detail
    case epoch
    case error
    case failures
    case firstSetAside
    case `for`
    case from
    case group
    case held
    case holder
    case kept
    case leader
    case loop
    case lost
    case milliseconds
    case problem
    case reason
    case redis
    case releasedAfter
    case remaining
    case remedy
    case renewed
    case repeated
    case replica
    case revision
    case rows
    case setAside
    case successor
    case successorEpoch
    case to
    case token
    case url
    case why
    case written

    /// Whether its text is written as a number in JSON: an index that knows it as a number takes no other.
    package var isNumber: Bool {
        switch self {
        case .changed, .contested, .deleted, .epoch, .failures, .held, .kept, .lost, .milliseconds, .renewed, .repeated,
            .rows, .setAside, .successorEpoch, .written:
            true
        case .address, .after, .by, .dataset, .detail, .error, .firstSetAside, .for, .from, .group, .holder, .leader,
            .loop,
            .problem, .reason, .redis, .releasedAfter, .remaining, .remedy, .replica, .revision, .successor, .to,
            .token, .url, .why:
            false
        }
    }

    /// Whether two records that differ in nothing else say the same.
    package var isIncidental: Bool {
        switch self {
        case .after, .detail, .milliseconds, .remaining, .repeated: true
        case .address, .by, .changed, .contested, .dataset, .deleted, .epoch, .error, .failures, .firstSetAside, .for,
            .from, .group, .held, .holder, .kept, .leader, .loop, .lost, .problem, .reason, .redis, .releasedAfter,
            .remedy,
            .renewed, .replica, .revision, .rows, .setAside, .successor, .successorEpoch, .to, .token, .url, .why,
            .written:
            false
        }
    }
}

package typealias LogMetadata = [LogKey: Logger.MetadataValue]

/// Logging with the names of the list, and no others.
extension Logger {
    package subscript(key: LogKey) -> MetadataValue? {
        get { self[metadataKey: key.rawValue] }
        set { self[metadataKey: key.rawValue] = newValue }
    }

    package func log(
        _ level: Level, _ message: @autoclosure () -> Message, _ metadata: @autoclosure () -> LogMetadata
    ) {
        log(
            level: level, message(),
            metadata: Metadata(uniqueKeysWithValues: metadata().map { ($0.key.rawValue, $0.value) }))
    }

    package func debug(_ message: @autoclosure () -> Message, _ metadata: @autoclosure () -> LogMetadata) {
        log(.debug, message(), metadata())
    }

    package func notice(_ message: @autoclosure () -> Message, _ metadata: @autoclosure () -> LogMetadata) {
        log(.notice, message(), metadata())
    }

    package func warning(_ message: @autoclosure () -> Message, _ metadata: @autoclosure () -> LogMetadata) {
        log(.warning, message(), metadata())
    }

    package func error(_ message: @autoclosure () -> Message, _ metadata: @autoclosure () -> LogMetadata) {
        log(.error, message(), metadata())
    }
}
