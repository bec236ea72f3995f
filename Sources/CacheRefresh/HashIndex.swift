/// A hash index from 32-bit hashes to 32-bit numbers that stand for records kept elsewhere.
///
/// Open addressing with linear probing and backward-shift deletion; 8 bytes a slot, at most three quarters full. A slot
/// holds the hash too, so that no record is looked at, far away in memory, that is not the one wanted.
struct HashIndex: Sendable {
    private struct Slot: Sendable {
        var hash: UInt32
        var record: UInt32

        static let empty = Slot(hash: 0, record: .max)
        var isEmpty: Bool { record == .max }
    }

    private var slots: [Slot] = Array(repeating: .empty, count: 16)
    private(set) var count = 0

    /// How much memory the slots take.
    var byteCount: Int { slots.count * MemoryLayout<Slot>.stride }

    private var mask: Int { slots.count - 1 }

    /// The record with this hash for which `matches` is true.
    func find(_ hash: UInt32, where matches: (UInt32) -> Bool) -> UInt32? {
        var slot = Int(hash) & mask
        while !slots[slot].isEmpty {
            if slots[slot].hash == hash && matches(slots[slot].record) { return slots[slot].record }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Adds a record that is not there yet.
    mutating func insert(_ record: UInt32, hash: UInt32) {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        place(Slot(hash: hash, record: record))
        count += 1
    }

    /// Takes a record out.
    mutating func remove(_ record: UInt32, hash: UInt32) {
        var hole = Int(hash) & mask
        while slots[hole].record != record {
            precondition(!slots[hole].isEmpty, "the record is not in the index")
            hole = (hole + 1) & mask
        }
        // Move back whatever would no longer be found across the hole.
        var next = (hole + 1) & mask
        while !slots[next].isEmpty {
            let home = Int(slots[next].hash) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = .empty
        count -= 1
    }

    private mutating func place(_ new: Slot) {
        var slot = Int(new.hash) & mask
        while !slots[slot].isEmpty { slot = (slot + 1) & mask }
        slots[slot] = new
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: .empty, count: old.count * 2)
        for slot in old where !slot.isEmpty { place(slot) }
    }
}

/// Texts laid end to end; forgotten ones are swept out when they outweigh the others.
struct TextArena: Sendable {
    /// Where a text lies: 40 bits of offset, 24 bits of length.
    struct Slice: Hashable, Sendable {
        fileprivate let packed: UInt64

        fileprivate init(offset: Int, count: Int) {
            packed = UInt64(offset) << 24 | UInt64(count)
        }

        var count: Int { Int(packed & 0xFF_FFFF) }
        fileprivate var offset: Int { Int(packed >> 24) }
        fileprivate var range: Range<Int> { offset..<(offset + count) }

        static let none = Slice(offset: 0, count: 0)
    }

    private var bytes: [UInt8] = []
    private var forgotten = 0

    /// More is forgotten than kept: time to move the texts that are in use to a new arena.
    var isWasteful: Bool { forgotten > 1 << 20 && forgotten * 2 > bytes.count }

    /// How much of its memory is filled.
    var byteCount: Int { bytes.count }

    mutating func append(_ text: UnsafeRawBufferPointer) -> Slice {
        let slice = Slice(offset: bytes.count, count: text.count)
        bytes.append(contentsOf: text)
        return slice
    }

    /// Appends a text that lies in another arena.
    mutating func append(_ slice: Slice, of other: TextArena) -> Slice {
        other.withText(slice) { append($0) }
    }

    mutating func forget(_ slice: Slice) {
        forgotten += slice.count
    }

    func withText<Result>(_ slice: Slice, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body($0.part(slice.range)) }
    }

    func isEqual(_ slice: Slice, _ text: UnsafeRawBufferPointer) -> Bool {
        slice.count == text.count && withText(slice) { ByteSearch.areEqual($0, text) }
    }
}
