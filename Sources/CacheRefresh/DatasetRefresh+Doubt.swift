/// What is believed no longer, because somebody else touched the cache or another history of the database goes on.
extension DatasetRefresh {
    /// Somebody else took a key out of the cache, or wrote it: the next pass writes its row anew, or deletes a key that
    /// no row makes; but not where rows outside a filter may make it.
    public mutating func doubt(key: [UInt8]) {
        guard case .idle = phase else { preconditionFailure("keys are doubted between passes") }
        if let row = ledger.claims.owner(of: key, in: ledger.table) {
            doubt(row)
        } else if !dataset.hasFilter, shape.families.contains(where: { $0.parse(key) != nil }) {
            ledger.claims.deleteLater(key)
        }
    }

    /// Somebody else may have taken any key out of the cache, or written it: the next pass compares all of them, as a
    /// new leader's first pass does, but still knows what was to be deleted.
    public mutating func doubtEverything() {
        guard case .idle = phase else { preconditionFailure("keys are doubted between passes") }
        looks.startAgain()
        var start: UInt32 = 0
        while let row = ledger.table.scan(from: start, { _ in false }) {
            doubt(row)
            start = row + 1
        }
    }

    /// A row that is gone, and only held by the brake, is not there to be written. If it comes back, it counts as
    /// changed.
    private mutating func doubt(_ row: UInt32) {
        if ledger.table[flags: row].contains(.gone) {
            ledger.table[digest: row] = 0
        } else {
            ledger.table.set(.dirty, of: row)
        }
    }

    /// Another history of the database goes on, in which transactions may be missing that applications saw, and have
    /// put into a cache that they fill themselves: the next pass rewrites all keys that are there, or unlinks them. Marks
    /// so far say nothing any more.
    ///
    /// Keys that nobody else writes need no doubt: comparing with the rows that were read before finds every
    /// difference.
    public mutating func doubtWhatOthersRead() {
        marks = MarkKeeper()
        switch dataset.mode {
        case .upsert: break
        case .existing: doubtEverything()
        case .invalidate:
            guard case .idle = phase else { preconditionFailure("keys are doubted between passes") }
            looks.startAgainWithoutMark()
        }
    }
}
