/// Sizes as the configuration writes them: `512B`, `64KiB`, `8MiB`.
package enum ByteCount {
    private static let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    package static func parse(_ text: String) -> Int? {
        guard let (unit, size) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = String(text.dropLast(unit.count))
        guard digits.isPlainNumber, let number = Int(digits) else { return nil }
        let (count, isTooLarge) = number.multipliedReportingOverflow(by: size)
        return isTooLarge ? nil : count
    }

    /// The count in the largest unit that divides it.
    package static func render(_ count: Int) -> String {
        let (unit, size) = units.first { count >= $0.1 && count % $0.1 == 0 } ?? ("B", 1)
        return "\(count / size)\(unit)"
    }
}

extension String {
    /// Digits without a sign, and without the leading zero that some read as octal.
    package var isPlainNumber: Bool {
        !isEmpty && utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            && (first != "0" || self == "0")
    }
}
