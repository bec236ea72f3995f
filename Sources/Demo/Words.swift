/// How numbers and times are shown.
enum Words {
    /// `1,234,567`.
    static func grouped(_ number: Int) -> String {
        let digits = Array("\(number.magnitude)")
        var text = ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return number < 0 ? "-\(text)" : text
    }

    /// With one digit behind the point: `12.3`.
    static func tenths(_ value: Double) -> String { decimal(value, digits: 1) }

    static func decimal(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = Int((value.magnitude * scale).rounded())
        let fraction = "\(scaled % Int(scale))"
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(value < 0 && scaled > 0 ? "-" : "")\(grouped(scaled / Int(scale))).\(zeros)\(fraction)"
    }

    /// `412 ms` or `12.3 s`.
    static func brief(_ duration: Duration) -> String {
        let milliseconds = Int(duration / .milliseconds(1))
        return milliseconds < 1000 ? "\(milliseconds) ms" : "\(tenths(duration / .seconds(1))) s"
    }

    /// `0.4 s`, `12 s`, `3:05` or `1:02:03`: how long ago something was.
    static func elapsed(_ duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        if seconds < 10 { return "\(tenths(max(0, seconds))) s" }
        if seconds < 60 { return "\(Int(seconds)) s" }
        return clock(duration)
    }

    /// `0:42` or `1:02:03`.
    static func clock(_ duration: Duration) -> String {
        let seconds = Int(duration / .seconds(1))
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
    }
}

/// How many columns of a terminal a text takes.
enum Columns {
    static func count(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

    static func pad(_ text: String, to width: Int, toTheRight: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - count(text)))
        return toTheRight ? blanks + text : text + blanks
    }

    /// The text, or its beginning with an ellipsis.
    static func cut(_ text: String, to limit: Int) -> String {
        guard count(text) > limit else { return text }
        var kept = ""
        var width = 0
        for character in text {
            width += self.width(character)
            guard width <= limit - 1 else { break }
            kept.append(character)
        }
        return limit > 0 ? kept + "…" : ""
    }

    /// What may come from a log line or a row, without anything that does something to a terminal: `\xNN` stands for
    /// each byte that can't be seen, as in what the other commands show.
    static func printable(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { shown, scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .format, .privateUse, .surrogate, .unassigned:
                for byte in String(scalar).utf8 { shown += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
            default: shown.unicodeScalars.append(scalar)
            }
        }
    }

    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        // East Asian wide characters and pictures.
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
