/// The parts of a target, each written to by batches of its own, and the part that a key belongs to.
///
/// A whole Redis is one part.
public struct TargetParts: Sendable {
    /// A target of one part.
    public static let one = TargetParts(count: 1) { _ in 0 }

    /// How many parts there are, numbered from 0 on.
    public let count: Int
    private let find: @Sendable ([UInt8]) -> Int

    /// - Parameters:
    ///   - count: at least one.
    ///   - part: the part of a key: always the same one, 0 ..< count.
    public init(count: Int, part: @escaping @Sendable (_ key: [UInt8]) -> Int) {
        precondition(count > 0, "a target has a part")
        self.count = count
        self.find = part
    }

    /// The part that a key belongs to.
    func part(of key: [UInt8]) -> Int { count == 1 ? 0 : find(key) }
}
