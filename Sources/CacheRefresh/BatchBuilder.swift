/// Fills batches, one for each part of the target, and hands out those that are full in the order in which they were.
///
/// What is done to one key stays in order, as a key has one part. It holds up to one full batch of each part.
struct BatchBuilder: ~Copyable, Sendable {
    private let parts: TargetParts
    /// The batch of each part that is not full yet.
    private var filling: [WriteBatch]
    private var ready: [WriteBatch] = []
    private var readyHead = 0

    init(_ parts: TargetParts) {
        self.parts = parts
        filling = (0..<parts.count).map(WriteBatch.init)
    }

    /// A batch can be handed out.
    var hasReady: Bool { readyHead < ready.count }
    /// Whether nothing was added since the last batch was closed.
    var isEmpty: Bool { filling.allSatisfy(\.isEmpty) }

    /// Adds an operation on a key.
    ///
    /// - Parameters:
    ///   - row: the row that it serves; none for a key that no row owns.
    ///   - appendArguments: appends the operation's arguments and says what it is.
    /// - Returns: the operation.
    @discardableResult
    mutating func add(
        _ key: [UInt8], row: UInt32 = DigestTable.noRow,
        _ appendArguments: (inout ArgumentBuffer) -> WriteBatch.Operation
    ) -> WriteBatch.Operation {
        let part = parts.part(of: key)
        let operation = filling[part].add(key, row: row, appendArguments)
        if filling[part].isTooLarge {
            // What made it so begins the next.
            let last = filling[part].removeLast()
            close(part)
            filling[part] = last
        } else if filling[part].isFull {
            close(part)
        }
        return operation
    }

    /// Closes the batches that are being filled.
    mutating func flush() {
        for part in filling.indices where !filling[part].isEmpty { close(part) }
    }

    private mutating func close(_ part: Int) {
        var next = WriteBatch(part: part)
        next.reserve(like: filling[part])
        swap(&next, &filling[part])
        ready.append(next)
    }

    /// Hands out the next batch.
    mutating func next() -> WriteBatch? {
        guard hasReady else { return nil }
        var batch = WriteBatch()
        swap(&batch, &ready[readyHead])
        readyHead += 1
        if readyHead == ready.count {
            ready.removeAll(keepingCapacity: true)
            readyHead = 0
        }
        return batch
    }

    /// Hands out all that was added and not handed out yet, and begins anew.
    mutating func takeBack() -> [WriteBatch] {
        flush()
        defer { self = BatchBuilder(parts) }
        return Array(ready[readyHead...])
    }
}
