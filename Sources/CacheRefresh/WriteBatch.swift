/// Arguments of a Redis command, laid end to end: one allocation for all of them.
public struct ArgumentBuffer: Hashable, Sendable {
    public private(set) var bytes: [UInt8] = []
    /// The length of each argument, in bytes and in order; their sum is `bytes.count`.
    public private(set) var lengths: [Int] = []

    public init() {}

    public var count: Int { lengths.count }

    /// Appends one argument.
    public mutating func append(_ argument: some Sequence<UInt8>) {
        append { $0.append(contentsOf: argument) }
    }

    /// Appends one argument, given as text.
    public mutating func append(_ argument: String) {
        append(argument.utf8)
    }

    /// Appends a number that is not negative, in digits.
    mutating func append(_ number: Int64) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var start = digits.count
            var rest = UInt64(number)
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(UnsafeRawBufferPointer(digits).part(start..<digits.count))
        }
    }

    /// Appends one argument that `write` puts at the end of the bytes it is handed.
    mutating func append(_ write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        write(&bytes)
        lengths.append(bytes.count - start)
    }

    /// Appends all arguments of another buffer.
    mutating func append(contentsOf other: ArgumentBuffer) {
        bytes += other.bytes
        lengths += other.lengths
    }

    /// One argument. Takes time in proportion to its position.
    public subscript(position: Int) -> ArraySlice<UInt8> {
        let start = lengths[..<position].reduce(0, +)
        return bytes[start..<(start + lengths[position])]
    }

    /// Takes out the last arguments, this many.
    mutating func removeLast(_ count: Int) -> ArgumentBuffer {
        var removed = ArgumentBuffer()
        removed.lengths = Array(lengths.suffix(count))
        let byteCount = removed.lengths.reduce(0, +)
        removed.bytes = Array(bytes.suffix(byteCount))
        lengths.removeLast(count)
        bytes.removeLast(byteCount)
        return removed
    }

    mutating func reserve(bytes byteCount: Int, arguments: Int) {
        bytes.reserveCapacity(byteCount)
        lengths.reserveCapacity(arguments)
    }
}

/// Keys to delete, values to write or TTLs to renew: what one call of the `write` script does.
///
/// The arguments of the operations are those of `write.lua`; the two are changed together.
public struct WriteBatch: Hashable, Sendable {
    /// An operation on one key.
    public enum Operation: CaseIterable, Sendable {
        /// Unlink the key. No arguments.
        case delete
        /// Renew the TTL of a key that should be there. Arguments: TTL.
        case touch
        /// Renew the TTL of a hash that should be there, with this many fields (0: any number), and end the TTLs that
        /// its fields may have. Arguments: TTL, number of fields.
        case touchHash
        /// Store a string. Arguments: value, TTL.
        case set
        /// Store a string unless it is there already. Arguments: value, TTL.
        case compareAndSet
        /// Store a string only over one that is there, and keep its TTL. Arguments: value.
        case setExisting
        /// Store a hash. Arguments: TTL, number of fields, then name and value of each.
        case setHash
        /// Store a hash unless it is there already. Arguments as for `setHash`.
        case compareAndSetHash
        /// Store a hash only over one that is there, and keep its TTL. Arguments: as for `setHash`, its TTL unused.
        case setExistingHash
        /// Set one field of a hash of Baton's own. Arguments: field, value.
        case mark
    }

    /// The part of the target that all its keys belong to; see ``TargetParts``.
    public let part: Int
    /// The operation on each key, in the keys' order.
    public internal(set) var operations: [Operation] = []
    public package(set) var keys = ArgumentBuffer()
    /// The arguments of all operations, in order.
    public package(set) var arguments = ArgumentBuffer()
    /// The row that each operation serves; ``DigestTable/noRow`` for keys that no row owns.
    var rows: [UInt32] = []
    /// Where the arguments of the last operation begin.
    private var lastArguments = 0
    private var closedArguments = 0

    package init(part: Int = 0) { self.part = part }

    /// More keys than this, or more bytes, block Redis for longer than other clients should notice.
    static let maximumKeys = 200
    static let maximumBytes = 256 << 10

    public var count: Int { operations.count }
    public var isEmpty: Bool { operations.isEmpty }
    /// The size of keys and arguments, in bytes.
    public var byteCount: Int { keys.bytes.count + arguments.bytes.count }

    /// One mark alone; see ``Mark``.
    public static func mark(_ mark: Mark, of dataset: String, key: String) -> WriteBatch {
        note("\(mark)", field: dataset, key: key)
    }

    /// The history that a dataset is written from, beside its mark; see ``HistoryWatch``.
    public static func reached(_ history: ServerHistory, by dataset: String, key: String) -> WriteBatch {
        note("\(history)", field: reachedField(of: dataset), key: key)
    }

    /// Where ``reached(_:by:key:)`` is kept. The name of no dataset holds a colon.
    public static func reachedField(of dataset: String) -> String { "reached:\(dataset)" }

    private static func note(_ value: String, field: String, key: String) -> WriteBatch {
        var batch = WriteBatch()
        batch.keys.append(key)
        batch.arguments.append(field)
        batch.arguments.append(value)
        batch.close(.mark, row: DigestTable.noRow)
        return batch
    }

    /// Notes the operation whose key and arguments were just appended.
    ///
    /// - Parameter row: the row that it serves; none for a key that no row owns.
    package mutating func close(_ operation: Operation, row: UInt32 = DigestTable.noRow) {
        operations.append(operation)
        rows.append(row)
        lastArguments = closedArguments
        closedArguments = arguments.count
    }

    /// Adds an operation on a key.
    ///
    /// - Parameter appendArguments: appends the operation's arguments and says what it is.
    mutating func add(
        _ key: [UInt8], row: UInt32, _ appendArguments: (inout ArgumentBuffer) -> Operation
    ) -> Operation {
        keys.append(key)
        let operation = appendArguments(&arguments)
        close(operation, row: row)
        return operation
    }

    /// No more keys may be added.
    var isFull: Bool { count == Self.maximumKeys }

    /// The last operation makes it too large.
    var isTooLarge: Bool { byteCount > Self.maximumBytes && count > 1 }

    /// Takes the last operation out, into a batch of its own.
    mutating func removeLast() -> WriteBatch {
        var last = WriteBatch(part: part)
        last.keys = keys.removeLast(1)
        last.arguments = arguments.removeLast(closedArguments - lastArguments)
        last.close(operations.removeLast(), row: rows.removeLast())
        closedArguments = lastArguments
        return last
    }

    /// Room for a full batch of rows that look like the ones before.
    mutating func reserve(like other: WriteBatch) {
        operations.reserveCapacity(other.operations.count)
        rows.reserveCapacity(other.rows.count)
        keys.reserve(bytes: other.keys.bytes.count, arguments: other.keys.count)
        arguments.reserve(bytes: other.arguments.bytes.count, arguments: other.arguments.count)
    }
}
