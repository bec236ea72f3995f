/// Keys, names and values as people read and write them: Redis and PostgreSQL take nearly any bytes, a terminal obeys some
/// of them.
package enum KeyText {
    /// Text as it is; a backslash doubled, and what is no printable text as `\x` with two hexadecimal digits.
    ///
    /// - Parameter limit: the most bytes that are shown; `…` follows if there are more.
    package static func shown(_ bytes: some Collection<UInt8>, limit: Int = .max) -> String {
        guard bytes.count <= limit else { return shown(Array(bytes.prefix(limit))) + "…" }
        let bytes = Array(bytes)
        if let text = String(validating: bytes, as: UTF8.self) {
            return text.unicodeScalars.reduce(into: "") { shown, scalar in
                if scalar == "\\" {
                    shown += "\\\\"
                } else if isPrintable(scalar) {
                    shown.unicodeScalars.append(scalar)
                } else {
                    for byte in String(scalar).utf8 { shown += escaped(byte) }
                }
            }
        }
        return bytes.reduce(into: "") { shown, byte in
            switch byte {
            case UInt8(ascii: "\\"): shown += "\\\\"
            case 0x20..<0x7F: shown.unicodeScalars.append(Unicode.Scalar(byte))
            default: shown += escaped(byte)
            }
        }
    }

    /// A value for people: printable text as it is, so that JSON stays JSON; else as ``shown(_:limit:)``.
    package static func value(_ bytes: [UInt8], limit: Int) -> String {
        // The limit may fall into the middle of a character, which has four bytes at most.
        let texts = (0..<(bytes.count > limit ? 4 : 1)).lazy.compactMap {
            String(validating: bytes.prefix(limit).dropLast($0), as: UTF8.self)
        }
        guard let text = texts.first, text.unicodeScalars.allSatisfy(isPrintable) else {
            return shown(bytes, limit: limit)
        }
        return bytes.count > limit ? text + "…" : text
    }

    /// What ``shown(_:limit:)`` wrote, or somebody: `\xff` is a byte, `\\` a backslash; any other backslash stands for
    /// itself.
    package static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            if rest.first == byte {
                bytes.append(rest.removeFirst())
            } else if let value = hexadecimal(rest) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    /// The byte of `xff`, if a text begins so.
    package static func hexadecimal(_ text: some Collection<UInt8>) -> UInt8? {
        guard text.first == UInt8(ascii: "x") else { return nil }
        let digits = text.dropFirst().prefix(2).compactMap(\.hexValue)
        return digits.count == 2 ? digits[0] << 4 | digits[1] : nil
    }

    /// Our own words with those of others in them, so that nothing in it ends the line or does anything else to a
    /// terminal: escaped as by ``shown(_:limit:)``, but for backslashes, which may be part of an escape already.
    ///
    /// - Parameter kept: what is left as it is nevertheless.
    package static func harmless(_ text: String, keeping kept: (Unicode.Scalar) -> Bool = { _ in false }) -> String {
        guard !text.unicodeScalars.allSatisfy({ isPrintable($0) || kept($0) }) else { return text }
        return text.unicodeScalars.reduce(into: "") { shown, scalar in
            if isPrintable(scalar) || kept(scalar) {
                shown.unicodeScalars.append(scalar)
            } else {
                for byte in String(scalar).utf8 { shown += escaped(byte) }
            }
        }
    }

    private static func escaped(_ byte: UInt8) -> String {
        "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    /// Whether it stands for something to see, which can't do anything to a terminal.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .format, .privateUse, .surrogate, .unassigned: false
        default: true
        }
    }
}

extension String {
    /// A name, a reason or whatever else others wrote, for people: as ``KeyText/shown(_:limit:)``.
    package var shown: String { KeyText.shown(utf8) }
}
