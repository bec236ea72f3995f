public import Logging
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Writes each log record as one line to standard error: JSON for machines, or text for people.
public struct LineLogHandler: LogHandler {
    public enum Format: Sendable {
        /// `{"timestamp":"2026-01-31T12:00:00.123Z","level":"info","message":"…", …}`; metadata follow as further members.
        case json
        /// `12:00:00.123 info  message  key=value …`
        case text
    }

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let format: Format

    public init(format: Format, level: Logger.Level) {
        self.format = format
        self.logLevel = level
    }

    fileprivate static func member(_ member: (key: String, value: Logger.MetadataValue)) -> String {
        "\(JSONText.text(member.key).rendered):\(member.value.json)"
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        var line = ""
        switch format {
        case .json:
            line += #"{"timestamp":"\#(WallClock.now.iso8601)","level":"\#(event.level)","message":"#
            line += JSONText.text("\(event.message)").rendered
            for member in all { line += "," + Self.member(member) }
            line += "}\n"
        case .text:
            let level = "\(event.level)".padded(to: 7)
            line += "\(WallClock.now.timeOfDay) \(level) \(event.message)"
            for (key, value) in all { line += "  \(key)=\(value)" }
            line += "\n"
        }
        StandardError.write(line)
    }
}

/// Standard error, a whole line at a time.
private enum StandardError {
    private static let turn = Mutex(())

    static func write(_ line: String) {
        turn.withLock { _ in
            var line = line
            line.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)
                while !rest.isEmpty {
                    let written = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                    guard written > 0 else { return }  // nobody listens: a log is not worth an end
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
                }
            }
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}

extension Logger.MetadataValue {
    /// Metadata as JSON; what is not a number or a structure is a string.
    fileprivate var json: String {
        switch self {
        case .string(let text): Int(text).map(String.init) == text ? text : JSONText.text(text).rendered
        case .stringConvertible(let thing): JSONText.text("\(thing)").rendered
        case .array(let values): "[\(values.map(\.json).joined(separator: ","))]"
        case .dictionary(let members):
            "{\(members.sorted { $0.key < $1.key }.map(LineLogHandler.member).joined(separator: ","))}"
        }
    }
}
