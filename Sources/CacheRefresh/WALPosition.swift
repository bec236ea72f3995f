/// A place in PostgreSQL's write-ahead log, in bytes from its beginning. Two of them can be compared only within one
/// history of one server; see ``ServerHistory``.
public struct WALPosition: Hashable, Comparable, Sendable {
    public let bytes: UInt64

    public init(bytes: UInt64) {
        self.bytes = bytes
    }

    /// Reads the text of a `pg_lsn`, such as `16/B374D848`; nil for any other.
    public init?(_ text: some StringProtocol) {
        let halves = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let numbers = halves.map { UInt32(String(decoding: $0, as: UTF8.self), radix: 16) }
        guard let high = numbers[0], let low = numbers[1] else { return nil }
        bytes = UInt64(high) << 32 | UInt64(low)
    }

    public static func < (one: WALPosition, other: WALPosition) -> Bool { one.bytes < other.bytes }
}

extension WALPosition: CustomStringConvertible {
    public var description: String {
        let low = UInt32(truncatingIfNeeded: bytes)
        return "\(String(bytes >> 32, radix: 16, uppercase: true))/\(String(low, radix: 16, uppercase: true))"
    }
}
