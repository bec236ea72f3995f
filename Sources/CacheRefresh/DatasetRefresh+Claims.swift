/// Keys that several rows may make, such as a phone number's: each has one owner, and is deleted only when it has none.
///
/// That is what lets two users swap their phones whatever order their rows come in. Where two rows make one key for
/// good, the lowest identity has it, and the other one is looked at again in each pass.
extension DatasetRefresh {
    /// A claim on a key whose owner was not read yet: decided at the end of the read.
    struct DeferredClaim: Sendable {
        let row: UInt32
        let family: Int
        let key: [UInt8]
        /// What to do with the key once it is the row's.
        let operation: WriteBatch.Operation
        let arguments: ArgumentBuffer
    }

    enum Claim: Hashable, Sendable {
        /// The row owned the key already, or has none.
        case kept
        /// The row owns the key from now on.
        case gained
        /// The key's owner may still give it up in this pass.
        case deferred
        /// Another row has it.
        case refused
    }

    /// Gives up the row's earlier key of a family and asks for the one in `keyText`.
    mutating func claim(for row: UInt32, _ family: Int, hasKey: Bool) -> Claim {
        if let old = table.key(of: row, family: family) {
            if hasKey && table.withText(of: old, { $0.elementsEqual(keyText) }) { return .kept }
            doom(key: old)
        }
        guard hasKey else { return .kept }
        if dataset.mode == .invalidate {
            // Rows may share a key that is only ever unlinked: each of them unlinks it when it changes.
            keyText.withUnsafeBytes { table.claim($0, family: family, for: row) }
            return .gained
        }
        return claimFreeOrTaken(keyText, family, for: row, ownersMayChange: true)
    }

    private mutating func claimFreeOrTaken(
        _ text: [UInt8], _ family: Int, for row: UInt32, ownersMayChange: Bool
    ) -> Claim {
        if let taken = text.withUnsafeBytes({ table.find(key: $0) }) {
            let owner = table.owner(of: taken)
            let isOwnerHere = table[pass: owner] == passNumber
            if precedes(row, owner) {
                // The owner that loses the key asks for it again, should it be free one day.
                if isOwnerHere || ownersMayChange { contest(owner) }
            } else if isOwnerHere {
                contest(row)
                return .refused
            } else if ownersMayChange {
                return .deferred
            }
            table.release(key: taken)
        }
        doomed.remove(text)
        text.withUnsafeBytes { table.claim($0, family: family, for: row) }
        return .gained
    }

    mutating func deferClaim(_ row: UInt32, _ family: Int, _ line: UnsafeRawBufferPointer, ttl: Int64) {
        guard deferredBytes < Self.maximumDeferredBytes else {
            markDirty(row)
            return
        }
        var arguments = ArgumentBuffer()
        let operation = appendArguments(family, line, ttl: ttl, to: &arguments)
        deferredBytes += keyText.count + arguments.bytes.count
        deferred.append(
            DeferredClaim(row: row, family: family, key: keyText, operation: operation, arguments: arguments))
    }

    /// All rows were read: who has not given up a key by now keeps it, and who was not seen has lost it.
    mutating func decideDeferredClaims(at now: Duration) {
        let claims = deferred
        deferred = []
        deferredBytes = 0
        for claim in claims {
            guard claimFreeOrTaken(claim.key, claim.family, for: claim.row, ownersMayChange: false) == .gained
            else { continue }
            filling.keys.append(claim.key)
            filling.arguments.append(contentsOf: claim.arguments)
            close(claim.operation, row: claim.row)
            summary.keysWritten += 1
            if dataset.mode == .existing { repetitions.append(.row(claim.row), at: now) }
        }
    }

    /// Gives a key up: it is deleted when the pass settles, unless another row takes it before.
    mutating func doom(key: UInt32) {
        doomed.insert(table.withText(of: key) { Array($0) })
        table.release(key: key)
    }

    /// Whether some row makes the key now.
    func isOwned(_ key: [UInt8]) -> Bool { owner(of: key) != nil }

    /// The row that makes the key; nil if none does.
    func owner(of key: [UInt8]) -> UInt32? {
        if let stored = key.withUnsafeBytes({ table.find(key: $0) }) { return table.owner(of: stored) }
        for family in shape.families {
            guard let identity = family.identity(ofKey: key, identityCount: shape.identityCount) else { continue }
            if let row = identity.withUnsafeBytes({ table.find(identity: $0) }) { return row }
        }
        return nil
    }

    /// Somebody else took a key out of the cache, or wrote it: the next pass writes its row anew, or deletes a key that
    /// no row makes; but not where rows outside a filter may make it.
    public mutating func doubt(key: [UInt8]) {
        guard case .idle = phase else { preconditionFailure("keys are doubted between passes") }
        if let row = owner(of: key) {
            if isGone(row) { table[digest: row] = 0 } else { markDirty(row) }
        } else if !dataset.hasFilter, shape.families.contains(where: { $0.parse(key) != nil }) {
            doomed.insert(key)
        }
    }

    /// Somebody else may have taken any key out of the cache, or written it: the next pass compares all of them, as a
    /// new leader's first does, and knows what was to be deleted besides.
    public mutating func doubtEverything() {
        guard case .idle = phase else { preconditionFailure("keys are doubted between passes") }
        opening = .comparing
        var start: UInt32 = 0
        while let row = table.scan(from: start, { _ in false }) {
            // What is gone, and only held by the brake, is not there to be written. If it comes back, it counts as
            // changed.
            if isGone(row) { table[digest: row] = 0 } else { markDirty(row) }
            start = row + 1
        }
    }

    /// Another history of the database goes on, in which transactions may be missing that applications saw, and have
    /// put into a cache that they fill themselves: the next pass rewrites all keys that are there, or unlinks them. Marks
    /// so far say nothing any more.
    ///
    /// Where nobody else writes, comparing with the rows that were read before finds every difference.
    public mutating func doubtWhatOthersRead() {
        marks = MarkKeeper()
        switch dataset.mode {
        case .upsert: break
        case .existing: doubtEverything()
        case .invalidate:
            guard case .idle = phase else { preconditionFailure("keys are doubted between passes") }
            opening = .comparing
            beganWithMark = false
        }
    }

    /// Whether a row's identity comes before another's: numbers by value, everything else byte by byte.
    private func precedes(_ row: UInt32, _ other: UInt32) -> Bool {
        table.withIdentity(of: row) { mine in
            table.withIdentity(of: other) { theirs in
                if shape.columns[0].kind == .integer, shape.identityCount == 1,
                    let mine = Int64(String(decoding: mine, as: UTF8.self)),
                    let theirs = Int64(String(decoding: theirs, as: UTF8.self))
                {
                    return mine < theirs
                }
                return mine.lexicographicallyPrecedes(theirs)
            }
        }
    }
}
