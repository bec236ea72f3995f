/// The hash FNV-1a, 64 bits: for telling whether something is still the same, not against anybody who wants to deceive.
package struct FNV1a: Hashable, Sendable {
    /// The hash of all bytes so far.
    package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    package init(_ bytes: [UInt8] = []) { add(bytes) }

    package mutating func add(_ bytes: [UInt8]) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
}
