extension DatasetRefresh {
    /// The next batch to send, if there is one now. Batches are sent in the order in which they come out.
    public mutating func nextBatch(at now: Duration) -> WriteBatch? {
        if readyHead == ready.count {
            ready.removeAll(keepingCapacity: true)
            readyHead = 0
            advanceSettling(at: now)
        }
        guard readyHead < ready.count else { return nil }
        defer { readyHead += 1 }
        let batch = ready[readyHead]
        ready[readyHead] = WriteBatch()
        return batch
    }

    /// Closes the batch that is being filled.
    mutating func flush() {
        guard !filling.isEmpty else { return }
        var next = WriteBatch()
        next.reserve(like: filling)
        swap(&next, &filling)
        ready.append(next)
    }

    /// Ends the operation whose key and arguments were just appended; one that makes the batch too large begins the
    /// next.
    mutating func close(_ operation: WriteBatch.Operation, row: UInt32) {
        filling.close(operation, row: row)
        if filling.byteCount > WriteBatch.maximumBytes && filling.count > 1 {
            let last = filling.removeLast()
            flush()
            filling = last
        } else if filling.count == WriteBatch.maximumKeys {
            flush()
        }
    }

    /// Adds what is to be done with the key in `keyText`.
    mutating func addOperation(_ row: UInt32, _ family: Int, _ line: UnsafeRawBufferPointer, ttl: Int64) {
        filling.keys.append(keyText)
        var arguments = ArgumentBuffer()
        swap(&arguments, &filling.arguments)  // out of `self`, which is read while they are appended to
        let operation = appendArguments(family, line, ttl: ttl, to: &arguments)
        swap(&arguments, &filling.arguments)
        close(operation, row: row)
        if operation == .delete { summary.keysDeleted += 1 } else { summary.keysWritten += 1 }
    }

    mutating func addDeletion(of key: [UInt8], row: UInt32 = DigestTable.noRow) {
        filling.keys.append(key)
        close(.delete, row: row)
        summary.keysDeleted += 1
    }

    mutating func addRenewal(of key: [UInt8], _ family: Int, row: UInt32, ttl: Int64) {
        filling.keys.append(key)
        filling.arguments.append(ttl)
        if shape.families[family].value == .row, dataset.format == .hash {
            filling.arguments.append(Int64(table[fieldCount: row]))
            close(.touchHash, row: row)
        } else {
            close(.touch, row: row)
        }
        summary.keysRenewed += 1
    }

    /// Appends the arguments of a family's operation on the row that was just encoded.
    func appendArguments(
        _ family: Int, _ line: UnsafeRawBufferPointer, ttl: Int64, to arguments: inout ArgumentBuffer
    ) -> WriteBatch.Operation {
        if dataset.mode == .invalidate { return .delete }
        let value = shape.families[family].value
        if case .row = value, dataset.format == .hash {
            arguments.append(ttl)
            arguments.append(Int64(encoder.memberCount(line, fields)))
            encoder.appendMembers(line, fields, to: &arguments)
            return dataset.mode == .existing
                ? .setExistingHash : opening == .comparing ? .compareAndSetHash : .setHash
        }
        switch value {
        case .row: arguments.append(object)
        case .column(let place): arguments.append { encoder.appendColumn(place, line, fields, to: &$0) }
        }
        if dataset.mode == .existing { return .setExisting }
        arguments.append(ttl)
        return opening == .comparing ? .compareAndSet : .set
    }

    // MARK: TTLs

    /// The TTL of a row's keys: the same each time, one of 64, so that they don't expire all at once. More would only
    /// be more text for Redis to read: the moments of writing differ too.
    func jitteredTTL(of row: UInt32) -> Int64 {
        let spread = (table.spread(of: row) * 64).rounded(.down) / 63
        let factor = 1 + dataset.ttlJitter * (2 * spread - 1)
        return max(1, Int64(Double(ttlMilliseconds) * factor))
    }

    mutating func scheduleRenewal(of row: UInt32, in milliseconds: Int64, at now: Duration) {
        let second = UInt32(clamping: (now.milliseconds + max(0, milliseconds)) / 1000)
        table[renewAt: row] = second
        nextRenewal = min(nextRenewal, second)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
