package import BatonConfiguration
internal import Formatting
package import Logging

/// Gives the records of one label to the output that all labels share.
struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let output: LogOutput

    init(label: String, level: Logger.Level, output: LogOutput) {
        self.label = label
        self.logLevel = level
        self.output = output
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        output.take(
            LogFolding.Record(
                label: label, level: event.level, message: "\(event.message)",
                metadata: metadata.merging(event.metadata ?? [:]) { $1 }, time: .now))
    }
}

/// The loggers of one replica, one for each part of it.
package struct Logs: Sendable {
    private let loggers: [Configuration.Log.Label: Logger]
    private let output: LogOutput

    /// - Parameter replica: its name, which each record bears.
    package init(_ configuration: Configuration.Log, replica: String, output: LogOutput) {
        self.output = output
        loggers = Dictionary(
            uniqueKeysWithValues: Configuration.Log.Label.allCases.map { label in
                let level = Logger.Level(configuration.levels[label] ?? configuration.level)
                var logger = Logger(label: label.rawValue) { LineLogHandler(label: $0, level: level, output: output) }
                logger[.replica] = "\(replica)"
                return (label, logger)
            })
    }

    package subscript(label: Configuration.Log.Label) -> Logger { loggers[label]! }

    /// Writes what was folded and not told yet.
    package func flush() { output.flush() }
}

extension Logger.Level {
    fileprivate init(_ level: Configuration.Log.Level) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
