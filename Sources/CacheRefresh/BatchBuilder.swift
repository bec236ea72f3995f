/// Fills batches, and hands out those that are full in the order in which they were.
struct BatchBuilder: ~Copyable, Sendable {
    private var filling = WriteBatch()
    private var ready: [WriteBatch] = []
    private var readyHead = 0

    /// A batch can be handed out.
    var hasReady: Bool { readyHead < ready.count }
    /// Nothing was added since the last batch was closed.
    var isEmpty: Bool { filling.isEmpty }

    /// Adds an operation on a key.
    ///
    /// - Parameters:
    ///   - row: that it serves; none for a key that no row owns.
    ///   - appendArguments: appends the operation's arguments and says what it is.
    /// - Returns: the operation.
    @discardableResult
    mutating func add(
        _ key: [UInt8], row: UInt32 = DigestTable.noRow,
        _ appendArguments: (inout ArgumentBuffer) -> WriteBatch.Operation
    ) -> WriteBatch.Operation {
        filling.keys.append(key)
        let operation = appendArguments(&filling.arguments)
        filling.close(operation, row: row)
        if filling.byteCount > WriteBatch.maximumBytes && filling.count > 1 {
            // It begins the next.
            let last = filling.removeLast()
            flush()
            filling = last
        } else if filling.count == WriteBatch.maximumKeys {
            flush()
        }
        return operation
    }

    /// Closes the batch that is being filled.
    mutating func flush() {
        guard !filling.isEmpty else { return }
        var next = WriteBatch()
        next.reserve(like: filling)
        swap(&next, &filling)
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
        defer { self = BatchBuilder() }
        return Array(ready[readyHead...])
    }
}
