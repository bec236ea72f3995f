/// The work that is left once the rows are known, or at a tick that reads none: deletions, repetitions and renewals, in
/// this order.
struct Settling: Sendable {
    /// Rows from here on are looked at for being gone; nil: none is deleted, or all were.
    private var gone: UInt32?
    /// Keys without owners that are deleted now.
    private var pendingDeletes: [[UInt8]]
    private var repeats = true
    /// Rows from here on are looked at for a renewal; nil: none is due, or all were.
    private var renewals: UInt32?
    /// When the first renewal after these is due, as far as it was found out.
    private var nextRenewal = UInt32.max

    /// - Parameters:
    ///   - deletesRows: the keys of rows that are gone are deleted.
    ///   - deletesKeys: the keys that no row owns any longer are deleted.
    init(deletesRows: Bool, deletesKeys: Bool, at now: Duration, _ ledger: inout KeyLedger) {
        gone = deletesRows && ledger.table.counts.gone > 0 ? 0 : nil
        pendingDeletes = deletesKeys ? ledger.claims.takePendingDeletes() : []
        guard ledger.renewals.isDue(at: now) else { return }
        renewals = 0
        ledger.renewals.forgetNext()  // found out anew while they are renewed
    }

    /// Fills at least one batch.
    ///
    /// - Returns: false if nothing is left to do.
    mutating func fillBatch(_ ledger: inout KeyLedger, at now: Duration) -> Bool {
        while !ledger.batches.hasReady {
            if let start = gone {
                gone = Self.deleteGone(from: start, &ledger, at: now)
            } else if let key = pendingDeletes.popLast() {
                // An unlink that only empties a cache is done whoever owns the key.
                if ledger.dataset.mode == .invalidate || !ledger.isOwned(key) { Self.delete(key, &ledger, at: now) }
            } else if repeats {
                repeats = Self.repeatNext(&ledger, at: now)
            } else if let start = renewals {
                renewals = renew(from: start, &ledger, at: now)
                if renewals == nil { ledger.renewals.expect(nextRenewal) }
            } else if !ledger.batches.isEmpty {
                ledger.batches.flush()
            } else {
                return false
            }
        }
        return true
    }

    /// Gives back what was not sent.
    func abandon(_ ledger: inout KeyLedger) {
        ledger.claims.deleteLater(pendingDeletes)
        if renewals != nil { ledger.renewals.expect(0) }
    }

    /// Deletes the keys of one row that is gone.
    ///
    /// - Returns: where to go on; nil at the end.
    private static func deleteGone(from start: UInt32, _ ledger: inout KeyLedger, at now: Duration) -> UInt32? {
        guard ledger.table.counts.gone > 0,
            let row = ledger.table.scan(from: start, { !ledger.table[flags: $0].contains(.gone) })
        else { return nil }
        for key in ledger.keys(of: row) { delete(key, &ledger, at: now) }
        ledger.forget(row)
        ledger.summary.rowsDeleted += 1
        return row + 1
    }

    private static func delete(_ key: [UInt8], _ ledger: inout KeyLedger, at now: Duration) {
        ledger.delete(key)
        // Without a cache that others fill there is nobody who could bring the key back.
        if ledger.dataset.mode != .upsert { ledger.repetitions.append(.key(key), at: now) }
    }

    /// - Returns: whether there may be more that is due.
    private static func repeatNext(_ ledger: inout KeyLedger, at now: Duration) -> Bool {
        guard let subject = ledger.repetitions.popDue(at: now) else { return false }
        switch subject {
        case .key(let key):
            if ledger.dataset.mode == .invalidate || !ledger.isOwned(key) { ledger.delete(key) }
        case .row(let row):
            guard ledger.table.isRow(row) else { return true }
            if ledger.dataset.mode == .invalidate {
                for key in ledger.keys(of: row) { ledger.delete(key, row: row) }
            } else {
                // Written anew from what the database says then, by the next pass.
                ledger.table.set([.repeating, .dirty], of: row)
            }
        }
        return true
    }

    /// Renews the keys of one row whose TTL is near its half; also of a row that is gone, if it is still here: its
    /// deletion is held, and so must not come by expiry.
    ///
    /// - Returns: where to go on; nil at the end.
    private mutating func renew(from start: UInt32, _ ledger: inout KeyLedger, at now: Duration) -> UInt32? {
        let second = now.wholeSeconds
        var earliest = nextRenewal
        let found = ledger.table.scan(from: start) { row in
            let renewAt = ledger.table[renewAt: row]
            if renewAt <= second { return false }
            earliest = min(earliest, renewAt)
            return true
        }
        nextRenewal = earliest
        guard let row = found else { return nil }
        ledger.renew(row, at: now)
        return row + 1
    }
}
