/// Decides which row has a key that several may make, such as a phone number's, and keeps the keys that none has until
/// they are deleted.
///
/// Each key has one owner, and is deleted only when it has none. That is what lets two users swap their phones whatever
/// order their rows come in. Where two rows make one key for good, the lowest identity has it, and the other one is
/// contested: it is looked at again whenever it is read.
struct KeyClaims: ~Copyable, Sendable {
    /// Claims on keys of rows that were not read yet are kept up to this size; the others wait for the next pass.
    static let maximumDeferredBytes = 16 << 20

    /// A claim on a key whose owner was not read yet: decided at the end of the read.
    struct Deferred: Sendable {
        let row: UInt32
        let family: Int
        let key: [UInt8]
        /// The operation on the key once it is the row's.
        let operation: WriteBatch.Operation
        let arguments: ArgumentBuffer

        fileprivate var byteCount: Int { key.count + arguments.bytes.count }
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

    private let shape: RowShape
    /// Keys are only ever unlinked, so that rows may share one: each of them unlinks it when it changes.
    private let areShared: Bool
    private var pending: Set<[UInt8]> = []
    private var deferred: [Deferred] = []
    private var deferredBytes = 0
    /// A row gave a key up since the pass began.
    private(set) var hasFreedKeys = false

    init(_ dataset: Dataset, _ shape: RowShape) {
        self.shape = shape
        areShared = dataset.mode == .invalidate
    }

    /// A pass begins.
    mutating func beginPass() { hasFreedKeys = false }

    // MARK: Claims

    /// Gives up the row's earlier key of a family and asks for another; nil: for none.
    mutating func claim(
        _ key: [UInt8]?, _ family: Int, for row: UInt32, in table: inout DigestTable
    ) -> Claim {
        if let old = table.key(of: row, family: family) {
            if let key, table.withText(of: old, { $0.elementsEqual(key) }) { return .kept }
            giveUp(old, in: &table)
        }
        guard let key else { return .kept }
        if areShared {
            key.withUnsafeBytes { table.claim($0, family: family, for: row) }
            return .gained
        }
        return ask(for: key, family, for: row, in: &table, isReadOver: false)
    }

    private mutating func ask(
        for key: [UInt8], _ family: Int, for row: UInt32, in table: inout DigestTable, isReadOver: Bool
    ) -> Claim {
        if let taken = key.withUnsafeBytes({ table.find(key: $0) }) {
            let owner = table.owner(of: taken)
            // Who is gone is known at the end of the read only; before it, a row that was not seen may still come.
            if !(isReadOver && table[flags: owner].contains(.gone)) {
                if precedes(row, owner, in: table) {
                    // The owner that loses the key asks for it again, should it be free one day.
                    table.set(.contested, of: owner)
                } else if isReadOver || table.isSeen(owner) {
                    table.set(.contested, of: row)
                    return .refused
                } else {
                    return .deferred
                }
            }
            table.release(key: taken)
        }
        pending.remove(key)
        key.withUnsafeBytes { table.claim($0, family: family, for: row) }
        return .gained
    }

    /// Keeps a claim until the end of the read.
    ///
    /// - Returns: false where there is no more room for it.
    mutating func keep(_ claim: Deferred) -> Bool {
        guard deferredBytes < Self.maximumDeferredBytes else { return false }
        deferredBytes += claim.byteCount
        deferred.append(claim)
        return true
    }

    /// Hands out the claims that were kept, in their order.
    mutating func takeDeferred() -> [Deferred] {
        defer { (deferred, deferredBytes) = ([], 0) }
        return deferred
    }

    /// Decides a claim after the read: who has not given a key up by now keeps it, unless it is gone.
    ///
    /// - Returns: whether the key is the row's.
    mutating func decide(_ claim: Deferred, in table: inout DigestTable) -> Bool {
        ask(for: claim.key, claim.family, for: claim.row, in: &table, isReadOver: true) == .gained
    }

    /// Whether a row's identity comes before another's: numbers by value, everything else byte by byte.
    private func precedes(_ row: UInt32, _ other: UInt32, in table: borrowing DigestTable) -> Bool {
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

    // MARK: Owners

    /// The row that makes the key; nil if none does.
    func owner(of key: [UInt8], in table: borrowing DigestTable) -> UInt32? {
        if let stored = key.withUnsafeBytes({ table.find(key: $0) }) { return table.owner(of: stored) }
        for family in shape.families {
            guard let identity = family.identity(ofKey: key, identityCount: shape.identityCount) else { continue }
            if let row = identity.withUnsafeBytes({ table.find(identity: $0) }) { return row }
        }
        return nil
    }

    // MARK: Pending deletes

    /// Keys to delete that no row owns any longer.
    var pendingDeletes: Int { pending.count }

    /// Notes a key that is to be deleted when a pass settles, unless a row takes it before.
    mutating func deleteLater(_ key: [UInt8]) { pending.insert(key) }

    mutating func deleteLater(_ keys: [[UInt8]]) { pending.formUnion(keys) }

    /// A row makes the key, which is therefore not deleted.
    mutating func spare(_ key: [UInt8]) { if !pending.isEmpty { pending.remove(key) } }

    /// Hands out the keys that are to be deleted. A row may have taken one of them in the meantime.
    mutating func takePendingDeletes() -> [[UInt8]] {
        defer { pending = [] }
        return Array(pending)
    }

    private mutating func giveUp(_ key: UInt32, in table: inout DigestTable) {
        pending.insert(table.withText(of: key) { Array($0) })
        table.release(key: key)
        hasFreedKeys = true
    }
}
