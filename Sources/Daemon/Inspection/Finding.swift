/// Something that `check` noticed.
public struct Finding: Hashable, Sendable {
    public enum Severity: String, CaseIterable, Sendable {
        /// Worth knowing.
        case note
        /// Works, but not as well or as safely as it could.
        case warning
        /// Does not work, or not rightly.
        case problem
    }

    public let severity: Severity
    /// What is the matter, as a sentence without its full stop.
    public let text: String
    /// What to do about it, as a sentence without its full stop; may be empty for a note.
    public let remedy: String
    /// With what a command ends that found this.
    public let status: ExitStatus

    static func note(_ text: String, _ remedy: String = "") -> Finding {
        Finding(severity: .note, text: text, remedy: remedy, status: .done)
    }

    static func warning(_ text: String, _ remedy: String) -> Finding {
        Finding(severity: .warning, text: text, remedy: remedy, status: .done)
    }

    static func problem(_ text: String, _ remedy: String, _ status: ExitStatus = .no) -> Finding {
        Finding(severity: .problem, text: text, remedy: remedy, status: status)
    }

    /// A server that can't be asked: its own error says what to do.
    static func problem(_ error: any Error) -> Finding {
        let status = ExitStatus(error)
        let text = "\(error)"
        return .problem(
            text.hasSuffix(".") ? String(text.dropLast()) : text, "", status == .configuration ? .no : status)
    }
}

extension Finding: CustomStringConvertible {
    /// `What is the matter. What to do.`
    public var description: String { remedy.isEmpty ? text + "." : "\(text). \(remedy)." }
}
