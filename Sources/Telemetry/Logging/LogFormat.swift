internal import Formatting
internal import Logging

/// How a record looks: JSON for machines, or text for people.
package enum LogFormat: Sendable {
    /// `{"timestamp":"2026-01-31T12:00:00.123Z","level":"info","label":"election","message":"…", …}`; metadata follow
    /// as further members.
    case json
    /// `12:00:00.123 info    election  message  key=value …`
    case text(isColoured: Bool)

    /// The line of a record, with its end. Nothing in it ends the line earlier, or does anything to a terminal.
    func line(_ record: LogFolding.Record) -> String {
        let metadata = record.metadata.sorted { $0.key < $1.key }
        switch self {
        case .json:
            var line = #"{"timestamp":"\#(record.time.iso8601)","level":"\#(record.level)","label":"\#(record.label)","#
            line += #""message":\#(JSONText.text(record.message).rendered)"#
            for (key, value) in metadata {
                let isNumber = LogKey(rawValue: key)?.isNumber ?? false
                line += ",\(JSONText.text(key).rendered):\(value.json(isNumber: isNumber).compact)"
            }
            return line + "}\n"
        case .text(let isColoured):
            let layout = TextLayout(isColoured: isColoured)
            let level = Columns.pad("\(record.level)", to: 8)
            var line = layout.paint(record.time.timeOfDay, .dim) + " "
            line += Self.colour(record.level).map { layout.paint(level, $0) } ?? level
            line += " \(Columns.pad(record.label, to: 9)) " + layout.paint(KeyText.harmless(record.message), .bold)
            for (key, value) in metadata {
                line += "  " + layout.paint("\(key)=", .dim) + TextLayout.printable("\(value)".utf8, limit: 4000)
            }
            return line + "\n"
        }
    }

    private static func colour(_ level: Logger.Level) -> TextLayout.Colour? {
        switch level {
        case .trace, .debug: .dim
        case .info: nil
        case .notice: .green
        case .warning: .yellow
        case .error, .critical: .red
        }
    }
}

extension Logger.MetadataValue {
    fileprivate func json(isNumber: Bool) -> JSONText {
        switch self {
        case .string(let text): isNumber ? Int(text).map { .number($0) } ?? .text(text) : .text(text)
        case .stringConvertible(let thing): .text("\(thing)")
        case .array(let values): .array(values.map { $0.json(isNumber: isNumber) })
        case .dictionary(let members):
            .object(
                members.sorted { $0.key < $1.key }.map {
                    JSONText.Member(name: $0.key, value: $0.value.json(isNumber: false))
                })
        }
    }
}
