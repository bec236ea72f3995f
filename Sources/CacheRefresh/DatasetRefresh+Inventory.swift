/// What a new leader does with keys that were there before it.
///
/// Where applications fill the cache themselves it looks again after each of the delays of a repetition: the leader
/// before may have gone before it repeated what it unlinked, and a reader that started earlier may bring an old value
/// back after the first look.
extension DatasetRefresh {
    /// Whether the keys that are there are wanted: in a term's first pass, and in modes other than `upsert` again some
    /// time later; but not where rows outside a filter may have some.
    public var wantsInventory: Bool {
        guard lastReadIsComplete, opening == .comparing || isLookingAgain else { return false }
        // Without a mark all keys are unlinked, also those of rows outside a filter.
        if dataset.mode == .invalidate && !beganWithMark { return true }
        return !dataset.hasFilter
    }

    /// Looks at a key that is there: one that no row makes belongs to a row that was deleted while nobody led.
    ///
    /// A key that the dataset can't have made for certain is left alone. Between calls ``nextBatch(at:)`` may offer
    /// work.
    public mutating func examine(key: [UInt8], at now: Duration) {
        guard case .read = phase else { preconditionFailure("keys are examined when all rows are known") }
        guard shape.families.contains(where: { $0.parse(key) != nil }) else { return }
        if dataset.mode == .invalidate {
            // Without a mark nobody knows what changed, so that every key may be wrong.
            if !beganWithMark || !isOwned(key) { addDeletion(of: key) }
        } else if !isOwned(key) {
            doomed.insert(key)
        }
    }

    /// The identities of remembered rows that the read did not see, in the `COPY` format: with a filter they may have
    /// been deleted, or only have left it. Nil where no filter makes that a question.
    public var unseenIdentities: [[UInt8]]? {
        guard dataset.hasFilter, lastReadIsComplete else { return nil }
        var identities: [[UInt8]] = []
        _ = table.scan(from: 0) { row in
            if table[pass: row] != passNumber { identities.append(table.withIdentity(of: row) { Array($0) }) }
            return true
        }
        return identities
    }

    /// Forgets a row that still exists but has left the filter; its keys stay until their TTL.
    public mutating func letGo(identity: [UInt8]) {
        guard let row = identity.withUnsafeBytes({ table.find(identity: $0) }) else { return }
        takeBack(row)
        clear([.dirty, .contested], of: row)
        table.remove(row: row)
    }
}
