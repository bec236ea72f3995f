/// What happens when all rows are known: deletions, repetitions, renewals.
extension DatasetRefresh {
    /// What is still to be sent before a pass, or a tick without one, is settled.
    struct Settling: Sendable {
        /// Rows from here on are looked at for being gone; nil: none is deleted, or all were.
        var vanished: UInt32?
        /// Keys without owners that are deleted now.
        var doomed: [[UInt8]]
        var repeats = true
        /// Rows from here on are looked at for a renewal; nil: none is due, or all were.
        var renewals: UInt32?
        /// When the first renewal after these is due, as far as it was found out.
        var nextRenewal = UInt32.max
    }

    /// Whether a tick that reads nothing has work to do all the same.
    public func hasDueWork(at now: Duration) -> Bool {
        brake.isHolding || !doomed.isEmpty || nextRenewal <= now.wholeSeconds
            || repetitions.nextDue.map { $0 <= now } ?? false
    }

    /// An operator looked at what the brake holds, and it is right.
    public mutating func confirmDeletions(at now: Duration) {
        brake.confirm(at: now)
    }

    /// Decides what is deleted, and begins to offer it, repetitions and renewals as batches.
    public mutating func settle(at now: Duration) {
        switch phase {
        case .idle: summary = PassSummary()
        case .read: break
        case .reading, .settling, .settled: preconditionFailure("a pass is settled when its read has ended")
        }
        flush()
        var settling = Settling(vanished: nil, doomed: [])
        if dataset.mode == .invalidate || mayDelete(at: now) {
            settling.vanished = lastReadIsComplete ? 0 : nil
            settling.doomed = Array(doomed)
            doomed = []
        }
        if nextRenewal <= now.wholeSeconds {
            settling.renewals = 0
            nextRenewal = .max  // found out anew while they are renewed
        }
        phase = .settling(settling)
    }

    /// Whether keys may be deleted now. Never after a read that failed: a row that it did not reach may have taken a
    /// key over from another one.
    private mutating func mayDelete(at now: Duration) -> Bool {
        guard lastReadIsComplete else { return false }
        let deletions = keysOfVanishedRows() + doomed.count
        let isAllowed = brake.allows(deletions, of: keyCount + doomed.count, at: now)
        if !isAllowed { (summary.keysHeld, summary.hold) = (deletions, brake.hold) }
        return isAllowed
    }

    /// The keys that the known rows have.
    private var keyCount: Int { table.count * shape.families.count(where: \.isDerived) + table.storedKeyCount }

    /// Whether the last pass did not see the row.
    func isGone(_ row: UInt32) -> Bool { lastReadIsComplete && table[pass: row] != passNumber }

    private func keysOfVanishedRows() -> Int {
        let derived = shape.families.count(where: \.isDerived)
        var count = 0
        _ = table.scan(from: 0) { row in
            if isGone(row) {
                count += derived
                for family in shape.families.indices where table.key(of: row, family: family) != nil { count += 1 }
            }
            return true
        }
        return count
    }

    /// Fills at least one batch, or finds that nothing is left.
    mutating func advanceSettling(at now: Duration) {
        guard case .settling(var settling) = phase else { return }
        phase = .idle  // gives up the second reference to what is changed now
        while ready.isEmpty {
            if let start = settling.vanished {
                settling.vanished = deleteVanished(from: start, at: now)
            } else if let key = settling.doomed.popLast() {
                // An unlink that only empties a cache is done whoever owns the key.
                if dataset.mode == .invalidate || !isOwned(key) { delete(key, at: now) }
            } else if settling.repeats {
                settling.repeats = repeatNext(at: now)
            } else if let start = settling.renewals {
                settling.renewals = renew(from: start, &settling.nextRenewal, at: now)
                if settling.renewals == nil { nextRenewal = min(nextRenewal, settling.nextRenewal) }
            } else if !filling.isEmpty {
                flush()
            } else {
                phase = .settled
                return
            }
        }
        phase = .settling(settling)
    }

    /// Deletes the keys of one row that is gone.
    ///
    /// - Returns: where to go on; nil at the end.
    private mutating func deleteVanished(from start: UInt32, at now: Duration) -> UInt32? {
        let found = table.scan(from: start) { !isGone($0) }
        guard let row = found else { return nil }
        for key in keys(of: row) { delete(key, at: now) }
        takeBack(row)
        clear([.dirty, .contested], of: row)
        table.remove(row: row)
        summary.rowsDeleted += 1
        return row + 1
    }

    private mutating func delete(_ key: [UInt8], at now: Duration) {
        addDeletion(of: key)
        // Without a cache that others fill there is nobody who could bring the key back.
        if dataset.mode != .upsert { repetitions.append(.key(key), at: now) }
    }

    /// - Returns: whether there may be more that is due.
    private mutating func repeatNext(at now: Duration) -> Bool {
        guard let subject = repetitions.popDue(at: now) else { return false }
        switch subject {
        case .key(let key):
            if dataset.mode == .invalidate || !isOwned(key) { addDeletion(of: key) }
        case .row(let row):
            guard table.isRow(row) else { return true }
            if dataset.mode == .invalidate {
                for key in keys(of: row) { addDeletion(of: key, row: row) }
            } else {
                // Written anew from what the database says then, by the next pass.
                table[flags: row].insert(.repeating)
                markDirty(row)
            }
        }
        return true
    }

    /// Renews the keys of one row whose TTL is near its half.
    ///
    /// - Returns: where to go on; nil at the end.
    private mutating func renew(from start: UInt32, _ next: inout UInt32, at now: Duration) -> UInt32? {
        let second = now.wholeSeconds
        var earliest = next
        let found = table.scan(from: start) { row in
            if table[renewAt: row] <= second { return false }
            earliest = min(earliest, table[renewAt: row])
            return true
        }
        next = earliest
        guard let row = found else { return nil }
        let ttl = jitteredTTL(of: row)
        // Also of a row that is gone, if it is still here: its deletion is held, and so must not come by expiry.
        for (family, key) in keysByFamily(of: row) { addRenewal(of: key, family, row: row, ttl: ttl) }
        scheduleRenewal(of: row, in: ttl - ttlMilliseconds / 2, at: now)
        return row + 1
    }

    /// The keys that a known row has.
    private func keys(of row: UInt32) -> [[UInt8]] { keysByFamily(of: row).map(\.key) }

    private func keysByFamily(of row: UInt32) -> [(family: Int, key: [UInt8])] {
        var keys: [(family: Int, key: [UInt8])] = []
        for family in shape.families.indices {
            if shape.families[family].isDerived {
                var key: [UInt8] = []
                let absence = table.withIdentity(of: row) { identity in
                    var fields: [Range<Int>] = []
                    CopyText.split(identity, into: &fields)
                    return shape.families[family].appendKey(identity, fields, to: &key)
                }
                if absence == nil { keys.append((family, key)) }
            } else if let key = table.key(of: row, family: family) {
                keys.append((family, table.withText(of: key) { Array($0) }))
            }
        }
        return keys
    }
}

extension Duration {
    /// Whole seconds, rounded down, for times that are not negative.
    var wholeSeconds: UInt32 { UInt32(clamping: components.seconds) }
}
