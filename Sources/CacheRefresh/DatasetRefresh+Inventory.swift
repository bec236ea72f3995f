/// The keys that are there, and the rows that a filter hides: what becomes of them.
extension DatasetRefresh {
    /// Whether the keys that are there are wanted: in a term's first pass, and in modes other than `upsert` again some
    /// time later; but not where rows outside a filter may have some.
    public var wantsInventory: Bool {
        guard looks.isLooking else { return false }
        // Without a mark all keys are unlinked, also those of rows outside a filter.
        if dataset.mode == .invalidate && !looks.beganWithMark { return true }
        return !dataset.hasFilter
    }

    /// Whether a leader looks at the keys more than once.
    var looksAgain: Bool {
        switch dataset.mode {
        case .upsert: false
        case .existing: !dataset.hasFilter
        case .invalidate: true
        }
    }

    /// Looks at a key that is there: one that no row makes belongs to a row that was deleted while nobody led.
    ///
    /// A key that the dataset can't have made for certain is left alone. Between calls ``nextBatch(at:)`` may offer
    /// work.
    public mutating func examine(key: [UInt8], at now: Duration) {
        guard case .read = phase, knowsAllRows else {
            preconditionFailure("keys are examined when all rows are known")
        }
        guard shape.families.contains(where: { $0.parse(key) != nil }) else { return }
        if dataset.mode == .invalidate {
            // Without a mark nobody knows what changed, so that every key may be wrong.
            if !looks.beganWithMark || !ledger.isOwned(key) { ledger.delete(key) }
        } else if !ledger.isOwned(key) {
            ledger.claims.deleteLater(key)
        }
    }

    /// The identities of remembered rows that are gone as far as the read shows, in the `COPY` format: with a filter they
    /// may have been deleted, or only have left it. Nil where no filter makes that a question.
    public var unseenIdentities: [[UInt8]]? {
        guard dataset.hasFilter, knowsAllRows else { return nil }
        var identities: [[UInt8]] = []
        _ = ledger.table.scan(from: 0) { row in
            if ledger.table[flags: row].contains(.gone) {
                identities.append(ledger.table.withIdentity(of: row) { Array($0) })
            }
            return true
        }
        return identities
    }

    /// Forgets a row that still exists but has left the filter; its keys stay until their TTL.
    public mutating func letGo(identity: [UInt8]) {
        guard let row = identity.withUnsafeBytes({ ledger.table.find(identity: $0) }) else { return }
        ledger.forget(row)
    }
}
