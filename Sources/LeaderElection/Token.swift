/// The random id of one term, never reused: a replica that restarts under the same name is told from its former self by
/// it.
public struct Token: Hashable, Sendable, LosslessStringConvertible {
    /// What goes over the wire: 32 lower-case hexadecimal digits for tokens made here.
    public let description: String

    /// A token that was read from somewhere; `nil` if the text is empty.
    public init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        description = text
    }

    /// A new token of 128 random bits.
    public init(using randomness: inout some RandomNumberGenerator) {
        description = Token.hexadecimal(randomness.next()) + Token.hexadecimal(randomness.next())
    }

    private static func hexadecimal(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
