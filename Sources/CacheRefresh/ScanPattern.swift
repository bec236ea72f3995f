/// Patterns as `SCAN … MATCH` takes them.
package enum ScanPattern {
    /// Appends text that stands for itself.
    package static func appendLiteral(_ text: some Sequence<UInt8>, to pattern: inout [UInt8]) {
        for byte in text {
            if "*?[]\\^-".utf8.contains(byte) { pattern.append(UInt8(ascii: "\\")) }
            pattern.append(byte)
        }
    }

    /// Appends what stands for anything.
    package static func appendAnything(to pattern: inout [UInt8]) { pattern.append(UInt8(ascii: "*")) }

    /// A pattern for keys that begin with one of these texts, so that one walk over all keys finds those of many families:
    /// `[mu][es][re]*` for `mer…` and `use…`. It matches others too.
    ///
    /// - Parameter texts: at least one; an empty one lets all keys match.
    package static func beginning(withOneOf texts: [[UInt8]]) -> [UInt8] {
        var pattern: [UInt8] = []
        for place in 0..<(texts.map(\.count).min() ?? 0) {
            let bytes = Set(texts.map { $0[place] }).sorted()
            if bytes.count > 1 { pattern.append(UInt8(ascii: "[")) }
            appendLiteral(bytes, to: &pattern)
            if bytes.count > 1 { pattern.append(UInt8(ascii: "]")) }
        }
        appendAnything(to: &pattern)
        return pattern
    }
}
