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
}
