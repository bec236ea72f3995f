/// How rows come in.
extension DatasetRefresh {
    /// Takes whole lines of `COPY` text, each with its newline.
    ///
    /// A line has the shape's columns, a flag before them where ``beginPass(_:rowsAreFlagged:)`` said so, and may have
    /// one field behind them: the size of what was too large to be sent, NULL where all was sent.
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
        ledger.summary.rowsRead += 1
        var line = flaggedLine
        var isFlagged = false
        if rowsAreFlagged {
            isFlagged = line.first == UInt8(ascii: "t")
            line = line.part(min(2, line.count)..<line.count)
        }
        guard let identityEnd = CopyText.end(ofFirst: ledger.shape.identityCount, in: line) else {
            ledger.setAside.addNameless(line, .wrongLine(fields: line.count { $0 == CopyText.tab } + 1))
            return
        }
        let identity = line.part(0..<identityEnd)
        guard identity.count <= Self.maximumKeyBytes, !Self.hasNull(identity) else {
            ledger.setAside.addNameless(identity, .nullIdentity)
            return
        }
        let digest = DigestTable.digest(line)
        let (row, isNew) = ledger.table.findOrInsert(identity: identity)
        guard ledger.table.see(row) else {
            ledger.summary.rowsContested += 1  // an identity that names two rows: the one that came first stays
            return
        }
        let hasChanged = isNew || ledger.table[digest: row] != digest
        guard hasChanged || !ledger.table[flags: row].isDisjoint(with: [.dirty, .contested]) else { return }
        if hasChanged { ledger.summary.rowsChanged += 1 }
        ledger.table[digest: row] = digest
        // A row that the mark shows as unchanged is quiet in the first pass of a term: applications that fill their
        // cache themselves lose no more of it than they have to.
        let isQuiet = ledger.dataset.mode == .invalidate && opening != .over && isNew && !isFlagged
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
    /// - Parameter isQuiet: the row is only remembered.
    private mutating func write(
        _ row: UInt32, _ line: UnsafeRawBufferPointer, hasChanged: Bool, isQuiet: Bool, at now: Duration
    ) {
        if let reason = composer.encode(line) {
            ledger.setAside(row, reason, at: now)
            return
        }
        ledger.takeBack(row)
        // A row that is not written only asks for keys that another one had: all its own are right.
        let isWritten = hasChanged || ledger.table[flags: row].contains(.dirty)
        let isRepetition = !hasChanged && ledger.table[flags: row].contains(.repeating)
        ledger.table.clear([.dirty, .contested, .repeating], of: row)
        if ledger.dataset.format == .hash { ledger.table[fieldCount: row] = composer.memberCount(line) }
        let ttl = ledger.renewals.ttl(of: row, in: ledger.table)
        let compares = opening == .comparing
        var hasGained = false
        for family in ledger.shape.families.indices {
            let hasKey = composer.makeKey(family, line)
            var isDue = isWritten
            if ledger.shape.families[family].isDerived {
                if ledger.dataset.mode != .invalidate { ledger.claims.spare(composer.key) }
            } else {
                let key = hasKey ? composer.key : nil
                switch ledger.claims.claim(key, family, for: row, in: &ledger.table) {
                case .kept: break
                case .gained:
                    isDue = true
                    hasGained = true
                case .refused: continue
                case .deferred:
                    ledger.keepClaim(row, family, line, composer, ttl: ttl, compares: compares)
                    continue
                }
            }
            if hasKey && isDue && !isQuiet { ledger.write(row, family, line, composer, ttl: ttl, compares: compares) }
        }
        switch ledger.dataset.mode {
        case .upsert: if isWritten { ledger.renewals.keysLive(ttl, of: row, at: now, in: &ledger.table) }
        case .existing, .invalidate:
            if !isQuiet && (hasGained || isWritten && !isRepetition) {
                ledger.repetitions.append(.row(row), at: now)
            }
        }
    }
}
