/// The rows that are remembered with the keys that they have, and the one way to write, delete or renew a key: each
/// operation goes into a batch, and is counted.
struct KeyLedger: ~Copyable, Sendable {
    let dataset: Dataset
    let shape: RowShape
    var table = DigestTable()
    var claims: KeyClaims
    var setAside = SetAsideList()
    var renewals: RenewalSchedule
    var repetitions: RepetitionQueue
    var batches: BatchBuilder
    var summary = PassSummary()

    init(_ dataset: Dataset, _ shape: RowShape, _ parts: TargetParts) {
        self.dataset = dataset
        self.shape = shape
        claims = KeyClaims(dataset, shape)
        renewals = RenewalSchedule(dataset)
        repetitions = RepetitionQueue(delays: dataset.repetitionDelays)
        batches = BatchBuilder(parts)
    }

    // MARK: Passes

    mutating func beginPass(_ scope: ReadScope) {
        summary = PassSummary()
        table.beginPass()
        claims.beginPass()
        // Rows without an identity can't be asked for: none comes among identities.
        if scope == .allRows { setAside.forgetNameless() }
    }

    /// Ends a read of these identities: those of their rows that it has not seen are gone.
    ///
    /// A key may have come free by that, or because its row has another key now. One of the contested rows that were
    /// not read perhaps makes it, so these are doubted.
    mutating func lose(_ identities: [[UInt8]]) {
        var hasFreedKeys = claims.hasFreedKeys
        for identity in identities {
            guard let row = identity.withUnsafeBytes({ table.find(identity: $0) }), !table.isSeen(row) else { continue }
            if table.firstKey(of: row) != nil { hasFreedKeys = true }
            table.lose(row)
        }
        if hasFreedKeys { table.doubtContested() }
    }

    mutating func finishPass() {
        summary.rowsSetAside = table.counts.setAside + setAside.namelessCount
        summary.rowsContested += table.counts.contested
        table.compact()
    }

    /// Takes back what was not handed out: a later pass does it again.
    mutating func abandonPass() {
        let failed = summary.keysFailed
        for batch in batches.takeBack() {
            for operation in batch.operations.indices { undo(operation, of: batch) }
        }
        summary.keysFailed = failed  // these were never sent
        for claim in claims.takeDeferred() where table.isRow(claim.row) { table.set(.dirty, of: claim.row) }
    }

    // MARK: Operations

    /// Adds what is to be done with the key that was composed last.
    mutating func write(
        _ row: UInt32, _ family: Int, _ line: UnsafeRawBufferPointer, _ composer: borrowing RowComposer, ttl: Int64,
        compares: Bool
    ) {
        let operation = batches.add(composer.key, row: row) { arguments in
            composer.appendArguments(family, line, ttl: ttl, compares: compares, to: &arguments)
        }
        if operation == .delete { summary.keysDeleted += 1 } else { summary.keysWritten += 1 }
    }

    /// Keeps a claim, and what is to be done with its key, until the end of the read.
    mutating func keepClaim(
        _ row: UInt32, _ family: Int, _ line: UnsafeRawBufferPointer, _ composer: borrowing RowComposer, ttl: Int64,
        compares: Bool
    ) {
        var arguments = ArgumentBuffer()
        let operation = composer.appendArguments(family, line, ttl: ttl, compares: compares, to: &arguments)
        let claim = KeyClaims.Deferred(
            row: row, family: family, key: composer.key, operation: operation, arguments: arguments)
        if !claims.keep(claim) { table.set(.dirty, of: row) }
    }

    /// Adds what a claim asked for whose key is its row's now.
    mutating func write(_ claim: KeyClaims.Deferred, at now: Duration) {
        batches.add(claim.key, row: claim.row) { arguments in
            arguments.append(contentsOf: claim.arguments)
            return claim.operation
        }
        summary.keysWritten += 1
        if dataset.mode == .existing { repetitions.append(.row(claim.row), at: now) }
    }

    mutating func delete(_ key: [UInt8], row: UInt32 = DigestTable.noRow) {
        batches.add(key, row: row) { _ in .delete }
        summary.keysDeleted += 1
    }

    /// Renews the TTL of a row's keys.
    mutating func renew(_ row: UInt32, at now: Duration) {
        let ttl = renewals.ttl(of: row, in: table)
        for (family, key) in keysByFamily(of: row) {
            let isHash = shape.families[family].value == .row && dataset.format == .hash
            let fieldCount = Int64(table[fieldCount: row])
            batches.add(key, row: row) { arguments in
                arguments.append(ttl)
                if isHash { arguments.append(fieldCount) }
                return isHash ? .touchHash : .touch
            }
            summary.keysRenewed += 1
        }
        renewals.keysLive(ttl, of: row, at: now, in: &table)
    }

    /// Takes note of a key that was right already, and so was not written.
    ///
    /// - Parameter ttl: what it has left to live, in milliseconds.
    mutating func keep(_ row: UInt32, ttl: Int64, at now: Duration) {
        summary.keysKept += 1
        summary.keysWritten -= 1
        guard table.isRow(row) else { return }
        // The first of a row's keys to expire decides.
        let old = table[renewAt: row]
        renewals.keysLive(ttl, of: row, at: now, in: &table)
        table[renewAt: row] = min(old, table[renewAt: row])
    }

    /// Takes note of an operation that was not done: a later pass does it again.
    mutating func undo(_ operation: Int, of batch: WriteBatch) {
        summary.keysFailed += 1
        let row = batch.rows[operation]
        switch batch.operations[operation] {
        case .delete:
            summary.keysDeleted -= 1
            claims.deleteLater(Array(batch.keys[operation]))
        case .touch, .touchHash:
            summary.keysRenewed -= 1
            if table.isRow(row) { renewals.renewNow(row, in: &table) }
        case .set, .compareAndSet, .setExisting, .setHash, .compareAndSetHash, .setExistingHash:
            summary.keysWritten -= 1
            if table.isRow(row) { table.set(.dirty, of: row) }
        case .mark: break
        }
    }

    // MARK: Rows

    /// Notes that a row can't be written; what was written of it before stays, and so does what an earlier leader wrote.
    mutating func setAside(_ row: UInt32, _ reason: SetAside.Reason, at now: Duration) {
        table.clear(.dirty, of: row)
        if dataset.mode == .upsert, table[renewAt: row] == .max {
            renewals.keysLive(0, of: row, at: now, in: &table)
        }
        table.set(.setAside, of: row)
        setAside.list(row, reason, in: table)
    }

    /// Ends that a row is set aside.
    mutating func takeBack(_ row: UInt32) {
        guard table[flags: row].contains(.setAside) else { return }
        table.clear(.setAside, of: row)
        setAside.remove(row)
    }

    /// Forgets a row and that it has any key.
    mutating func forget(_ row: UInt32) {
        takeBack(row)
        table.remove(row: row)
    }

    // MARK: Keys

    /// Whether some row makes the key now.
    func isOwned(_ key: [UInt8]) -> Bool { claims.owner(of: key, in: table) != nil }

    /// How many keys the known rows have.
    var keyCount: Int { table.count * derivedFamilies + table.storedKeyCount }

    /// How many keys the rows have that are gone.
    var goneKeyCount: Int {
        var count = table.counts.gone * derivedFamilies
        if table.counts.gone == 0 { return 0 }
        _ = table.scan(from: 0) { row in
            if table[flags: row].contains(.gone) {
                for family in shape.families.indices where table.key(of: row, family: family) != nil { count += 1 }
            }
            return true
        }
        return count
    }

    private var derivedFamilies: Int { shape.families.count(where: \.isDerived) }

    /// The keys that a known row has.
    func keys(of row: UInt32) -> [[UInt8]] { keysByFamily(of: row).map(\.key) }

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
