extension DatasetRefresh {
    /// Takes whole lines of `COPY` text, each with its newline.
    ///
    /// A line has the shape's columns, a flag before them where ``beginPass(rowsAreFlagged:)`` said so, and may have one
    /// field behind them: the size of what was too large to be sent, NULL where all was sent.
    ///
    /// - Parameter now: time on any steady clock, always the same one.
    public mutating func take(_ chunk: UnsafeRawBufferPointer, at now: Duration) {
        guard case .reading = phase else { preconditionFailure("rows come in while a pass reads") }
        var start = 0
        while start < chunk.count {
            let end = CopyText.lineEnd(in: chunk, from: start)
            takeRow(chunk.part(start..<end), at: now)
            start = end + 1
        }
    }

    private mutating func takeRow(_ flaggedLine: UnsafeRawBufferPointer, at now: Duration) {
        summary.rowsRead += 1
        var line = flaggedLine
        var isFlagged = false
        if rowsAreFlagged {
            isFlagged = line.first == UInt8(ascii: "t")
            line = line.part(min(2, line.count)..<line.count)
        }
        guard let identityEnd = CopyText.end(ofFirst: shape.identityCount, in: line) else {
            setAsideNameless(line, .wrongLine(fields: line.count { $0 == CopyText.tab } + 1))
            return
        }
        let identity = line.part(0..<identityEnd)
        guard identity.count <= Self.maximumKeyBytes, !Self.hasNull(identity) else {
            setAsideNameless(identity, .nullIdentity)
            return
        }
        let digest = DigestTable.digest(line)
        let (row, isNew) = table.findOrInsert(identity: identity)
        guard isNew || table[pass: row] != passNumber else {
            summary.rowsContested += 1  // an identity that names two rows: the one that came first stays
            return
        }
        table[pass: row] = passNumber
        let hasChanged = isNew || table[digest: row] != digest
        guard hasChanged || !table[flags: row].isDisjoint(with: [.dirty, .contested]) else { return }
        if hasChanged { summary.rowsChanged += 1 }
        table[digest: row] = digest
        CopyText.split(line, into: &fields)
        let isQuiet = dataset.mode == .invalidate && opening != .over && isNew && !isFlagged
        write(row, line, hasChanged: hasChanged, isQuiet: isQuiet, at: now)
    }

    private static func hasNull(_ identity: UnsafeRawBufferPointer) -> Bool {
        guard identity.contains(CopyText.backslash) else { return false }
        return identity.split(separator: CopyText.tab, omittingEmptySubsequences: false).contains {
            CopyText.isNull(UnsafeRawBufferPointer(rebasing: $0))
        }
    }

    /// Decides what becomes of the keys of a row that is new, changed, or to be looked at again.
    ///
    /// - Parameter isQuiet: the row is only remembered. In the first pass of a term, applications that fill their cache
    ///   themselves lose no more of it than the mark says.
    private mutating func write(
        _ row: UInt32, _ line: UnsafeRawBufferPointer, hasChanged: Bool, isQuiet: Bool, at now: Duration
    ) {
        if let reason = encode(line) {
            setAside(row, reason, at: now)
            return
        }
        takeBack(row)
        // Else the row only asks for keys that another one had: all its own are right.
        let isWritten = hasChanged || table[flags: row].contains(.dirty)
        let isRepetition = !hasChanged && table[flags: row].contains(.repeating)
        clear([.dirty, .contested, .repeating], of: row)
        if dataset.format == .hash { table[fieldCount: row] = encoder.memberCount(line, fields) }
        let ttl = jitteredTTL(of: row)
        var hasGained = false
        for family in shape.families.indices {
            keyText.removeAll(keepingCapacity: true)
            let absence = shape.families[family].appendKey(line, fields, to: &keyText)
            let hasKey = absence == nil && keyText.count <= Self.maximumKeyBytes
            var isDue = isWritten
            if shape.families[family].isDerived {
                if !doomed.isEmpty && dataset.mode != .invalidate { doomed.remove(keyText) }
            } else {
                switch claim(for: row, family, hasKey: hasKey) {
                case .kept: break
                case .gained:
                    isDue = true
                    hasGained = true
                case .refused: continue
                case .deferred:
                    deferClaim(row, family, line, ttl: ttl)
                    continue
                }
            }
            if hasKey && isDue && !isQuiet { addOperation(row, family, line, ttl: ttl) }
        }
        switch dataset.mode {
        case .upsert: if isWritten { scheduleRenewal(of: row, in: ttl - ttlMilliseconds / 2, at: now) }
        case .existing, .invalidate:
            if !isQuiet && (hasGained || isWritten && !isRepetition) { repetitions.append(.row(row), at: now) }
        }
    }

    /// Encodes the row as far as its families need it, and says what stands against writing it.
    private mutating func encode(_ line: UnsafeRawBufferPointer) -> SetAside.Reason? {
        guard fields.count >= shape.columns.count else { return .wrongLine(fields: fields.count) }
        if dataset.mode == .invalidate { return nil }  // no value is needed, and each key stands for itself
        if let bytes = sizeThatWasLeftOut(line) { return .valueTooLarge(bytes: bytes) }
        if validatesUTF8, String(validating: line, as: UTF8.self) == nil { return .notUTF8 }
        object.removeAll(keepingCapacity: true)
        for place in shape.families.indices {
            keyText.removeAll(keepingCapacity: true)
            if shape.families[place].appendKey(line, fields, to: &keyText) == .empty { return .emptyKeyColumn }
            if keyText.count > Self.maximumKeyBytes { return .keyTooLong(bytes: keyText.count) }
            var size = 0
            switch (shape.families[place].value, dataset.format) {
            case (.row, .json):
                if object.isEmpty { encoder.appendObject(line, fields, to: &object) }
                size = object.count
            case (.row, .hash): size = fields[shape.columns.count - 1].upperBound
            case (.column(let column), _): size = fields[column].count
            }
            if size > dataset.maxValueBytes { return .valueTooLarge(bytes: size) }
            if size >= refusedBytes {
                var arguments = ArgumentBuffer()
                _ = appendArguments(place, line, ttl: 0, to: &arguments)
                let largest = arguments.lengths.max() ?? 0
                if largest >= refusedBytes { return .refusedByRedis(bytes: largest) }
            }
        }
        return nil
    }

    /// The size of a row whose large values the server did not send: what the field behind the columns says, in bytes.
    /// Nil if all of it is here.
    private func sizeThatWasLeftOut(_ line: UnsafeRawBufferPointer) -> Int? {
        guard fields.count > shape.columns.count else { return nil }
        return Int(String(decoding: line.part(fields[shape.columns.count]), as: UTF8.self))
    }

    /// Notes that a row cannot be written; what was written of it before stays.
    mutating func setAside(_ row: UInt32, _ reason: SetAside.Reason, at now: Duration) {
        clear([.dirty], of: row)
        // What an earlier leader wrote stays too.
        if dataset.mode == .upsert, table[renewAt: row] == .max { scheduleRenewal(of: row, in: 0, at: now) }
        if !table[flags: row].contains(.setAside) {
            table[flags: row].insert(.setAside)
            rowsSetAside += 1
        }
        if setAsideRows.count < Self.maximumListed || setAsideRows[row] != nil {
            let identity = table.withIdentity(of: row) { String(decoding: $0, as: UTF8.self) }
            setAsideRows[row] = SetAside(identity: identity, reason: reason)
        }
    }

    /// Notes a row without an identity that could be remembered: its keys, if it had any, have another owner or none.
    private mutating func setAsideNameless(_ identity: UnsafeRawBufferPointer, _ reason: SetAside.Reason) {
        namelessRows += 1
        guard listedNameless.count < Self.maximumListed else { return }
        let isTooLong = identity.count > Self.maximumKeyBytes
        let text = String(decoding: isTooLong ? identity.prefix(100) : identity[...], as: UTF8.self)
        listedNameless.append(
            isTooLong
                ? SetAside(identity: text + "…", reason: .keyTooLong(bytes: identity.count))
                : SetAside(identity: text, reason: reason))
    }

    /// Ends that a row is set aside.
    mutating func takeBack(_ row: UInt32) {
        guard table[flags: row].contains(.setAside) else { return }
        table[flags: row].remove(.setAside)
        rowsSetAside -= 1
        setAsideRows[row] = nil
    }

    // MARK: Flags that are counted

    mutating func markDirty(_ row: UInt32) {
        guard !table[flags: row].contains(.dirty) else { return }
        table[flags: row].insert(.dirty)
        dirtyRows += 1
    }

    mutating func contest(_ row: UInt32) {
        guard !table[flags: row].contains(.contested) else { return }
        table[flags: row].insert(.contested)
        contestedRows += 1
    }

    mutating func clear(_ flags: DigestTable.Flags, of row: UInt32) {
        let old = table[flags: row].intersection(flags)
        if old.isEmpty { return }
        if old.contains(.dirty) { dirtyRows -= 1 }
        if old.contains(.contested) { contestedRows -= 1 }
        table[flags: row].subtract(old)
    }
}
