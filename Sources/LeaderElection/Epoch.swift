/// The fencing token: a number that only grows, one per term.
///
/// Epochs travel as decimal text, because Lua holds them as doubles; the largest is therefore 2^52, which as
/// microseconds since 1970 lasts until the year 2112.
public struct Epoch: Hashable, Comparable, Sendable, LosslessStringConvertible {
    /// 0 (no term yet) to 2^52.
    public let number: Int64

    /// Smaller than the epoch of any term.
    public static let zero = Epoch(unchecked: 0)
    /// No term has a higher one.
    public static let max = Epoch(unchecked: 1 << 52)

    /// `nil` unless the number lies in 0 … 2^52.
    public init?(_ number: Int64) {
        guard (0...Epoch.max.number).contains(number) else { return nil }
        self.number = number
    }

    /// Reads decimal digits only: no sign, no exponent, no leading zero; `nil` for anything else or out of range.
    public init?(_ text: String) {
        guard let number = Int64(text), String(number) == text else { return nil }
        self.init(number)
    }

    private init(unchecked number: Int64) {
        self.number = number
    }

    public static func < (left: Epoch, right: Epoch) -> Bool { left.number < right.number }
    public var description: String { String(number) }
}
