package import Logging
internal import Synchronization

/// Keeps what is logged: one text a record, its metadata behind it as `name=value`.
package final class LogRecorder: Sendable {
    private let records = Mutex<[(level: Logger.Level, text: String)]>([])

    package init() {}

    package var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .debug
        return logger
    }

    package func messages(at level: Logger.Level) -> [String] {
        records.withLock { $0.filter { $0.level == level }.map(\.text) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel = Logger.Level.debug
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            let text = ([event.message.description] + all.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
            recorder.records.withLock { $0.append((event.level, text)) }
        }
    }
}
