/// A decimal number of any size and precision, in one spelling: `digits` × 10 to the power of `exponent`.
package struct JSONNumber: Hashable, Sendable, CustomStringConvertible {
    private let isNegative: Bool
    /// Begins and ends with another digit than 0; empty for zero.
    private let digits: [UInt8]
    private let exponent: Int

    /// - Parameter text: a number as JSON writes it; nil if its exponent is out of all reason.
    init?(_ text: some Collection<UInt8>) {
        let parts = text.split(maxSplits: 1) { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }
        guard let mantissa = parts.first,
            let power = parts.count == 1 ? 0 : Int32(String(decoding: Array(parts[1]), as: UTF8.self))
        else { return nil }
        var digits = mantissa.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let point = mantissa.firstIndex(of: UInt8(ascii: "."))
        var exponent = Int(power) - (point.map { mantissa.distance(from: $0, to: mantissa.endIndex) - 1 } ?? 0)
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            exponent += 1
        }
        digits.removeFirst(digits.prefix { $0 == UInt8(ascii: "0") }.count)
        self.digits = digits
        isNegative = mantissa.first == UInt8(ascii: "-") && !digits.isEmpty
        self.exponent = digits.isEmpty ? 0 : exponent
    }

    package var description: String {
        guard !digits.isEmpty else { return "0" }
        var text = String(decoding: digits, as: UTF8.self)
        switch exponent {
        case 0...20: text += String(repeating: "0", count: exponent)
        case -20..<0:
            if digits.count <= -exponent { text = String(repeating: "0", count: 1 - exponent - digits.count) + text }
            text.insert(".", at: text.index(text.endIndex, offsetBy: exponent))
        default: text += "e\(exponent)"
        }
        return isNegative ? "-\(text)" : text
    }
}
