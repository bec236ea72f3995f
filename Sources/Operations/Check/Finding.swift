internal import GroupState

/// Something that `check` noticed.
package struct Finding: Hashable, Sendable {
    package enum Severity: String, CaseIterable, Sendable {
        /// Worth knowing.
        case note
        /// Works, but not as well or as safely as it could.
        case warning
        /// Does not work, or not rightly.
        case problem
    }

    package let severity: Severity
    /// The problem, as a sentence without its full stop.
    package let text: String
    /// The remedy, as a sentence without its full stop; may be empty for a note.
    package let remedy: String
    /// The status with which a command ends that found this.
    package let status: ExitStatus

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
    package var description: String { remedy.isEmpty ? text + "." : "\(text). \(remedy)." }
}

extension Finding {
    /// A Redis that Baton can't work with.
    static func problem(_ obstacle: RedisObstacle) -> Finding { .problem(obstacle.text, obstacle.remedy) }

    /// The problem that a Redis refuses something.
    static func problem(_ refusal: RedisRefusal) -> Finding {
        let obstacle = refusal.obstacle
        switch refusal.reason {
        case .permission, .keys: return .problem(obstacle.text, obstacle.remedy, .refused)
        case .writes: return .problem(obstacle.text, obstacle.remedy, .unavailable)
        case .unknown, .scripts, .other: return .problem(obstacle)
        }
    }
}
