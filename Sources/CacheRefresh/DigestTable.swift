/// The leader's memory of a dataset: identity → digest of the row and the keys written for it; key → owning row.
///
/// About 60 bytes a row, and 40 bytes and its text for each key that cannot be derived from the identity. Rows are
/// named by small numbers that are used again after a row is forgotten.
struct DigestTable: Sendable {
    /// Stands where a row is wanted and there is none.
    static let noRow = UInt32.max
    private static let noKey = UInt32.max

    private struct Row: Sendable {
        var digest: UInt64
        /// The identity's fields in the `COPY` format, tabs between.
        var identity: TextArena.Slice
        /// When the TTL of the row's keys is to be renewed, in seconds of the refresh's clock.
        var renewAt: UInt32
        var hash: UInt32
        /// The first of the row's stored keys; in a free row, the next free one.
        var firstKey: UInt32
        /// The pass that saw the row last; 0 before the first.
        var pass: UInt16
        var flags: Flags
        /// How many fields its hash has; 0: not known.
        var fieldCount: UInt8 = 0
    }

    private struct Key: Sendable {
        var text: TextArena.Slice
        var owner: UInt32
        /// The next key of the same row; in a free key, the next free one.
        var next: UInt32
        var hash: UInt32
        var family: UInt32
    }

    private var rows: [Row] = []
    private var rowIndex = HashIndex()
    private var freeRow = noRow
    private var keys: [Key] = []
    private var keyIndex = HashIndex()
    private var freeKey = noKey
    private var texts = TextArena()
    /// How many rows have which flags.
    private(set) var counts = FlagCounts()
    /// The number of the pass, from 1 on.
    private var pass: UInt16 = 0

    /// The number of rows.
    var count: Int { rowIndex.count }
    /// The number of keys that cannot be derived from an identity.
    var storedKeyCount: Int { keyIndex.count }

    /// Digest of a raw line. Seeded anew in each process: nobody can prepare two rows with one digest.
    static func digest(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: bytes)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    // MARK: Rows

    func find(identity: UnsafeRawBufferPointer) -> UInt32? {
        find(identity: identity, hash: UInt32(truncatingIfNeeded: Self.digest(identity)))
    }

    private func find(identity: UnsafeRawBufferPointer, hash: UInt32) -> UInt32? {
        rowIndex.find(hash) { texts.isEqual(rows[Int($0)].identity, identity) }
    }

    /// The row of that identity, made if there is none.
    mutating func findOrInsert(identity: UnsafeRawBufferPointer) -> (row: UInt32, isNew: Bool) {
        let hash = UInt32(truncatingIfNeeded: Self.digest(identity))
        if let row = find(identity: identity, hash: hash) { return (row, false) }
        let new = Row(
            digest: 0, identity: texts.append(identity), renewAt: .max, hash: hash, firstKey: Self.noKey, pass: 0,
            flags: [])
        let number: UInt32
        if freeRow != Self.noRow {
            number = freeRow
            freeRow = rows[Int(number)].firstKey
            rows[Int(number)] = new
        } else {
            number = UInt32(rows.count)
            rows.append(new)
        }
        rowIndex.insert(number, hash: hash)
        return (number, true)
    }

    /// Forgets a row and that it owns any key.
    mutating func remove(row: UInt32) {
        while let key = firstKey(of: row) { release(key: key) }
        let old = rows[Int(row)]
        counts.add(-1, old.flags)
        rowIndex.remove(row, hash: old.hash)
        texts.forget(old.identity)
        rows[Int(row)].flags = .free
        rows[Int(row)].firstKey = freeRow
        freeRow = row
    }

    subscript(digest row: UInt32) -> UInt64 {
        get { rows[Int(row)].digest }
        set { rows[Int(row)].digest = newValue }
    }

    /// How many fields the row's hash has; 0: none was written, or more than can be remembered.
    subscript(fieldCount row: UInt32) -> Int {
        get { Int(rows[Int(row)].fieldCount) }
        set { rows[Int(row)].fieldCount = UInt8(exactly: newValue) ?? 0 }
    }

    subscript(renewAt row: UInt32) -> UInt32 {
        get { rows[Int(row)].renewAt }
        set { rows[Int(row)].renewAt = newValue }
    }

    /// A number from the identity, spread evenly over 0 ..< 1.
    func spread(of row: UInt32) -> Double { Double(rows[Int(row)].hash) / 4_294_967_296 }

    /// Whether a number that was handed out earlier still names a row.
    func isRow(_ row: UInt32) -> Bool { row < rows.count && !rows[Int(row)].flags.contains(.free) }

    func withIdentity<Result>(of row: UInt32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        texts.withText(rows[Int(row)].identity, body)
    }

    /// Calls `body` with each row until it answers false.
    ///
    /// - Parameter start: the first number that is looked at.
    /// - Returns: the number to go on from; nil when all rows were seen.
    func scan(from start: UInt32, _ body: (UInt32) -> Bool) -> UInt32? {
        for number in Int(start)..<max(Int(start), rows.count) where !rows[number].flags.contains(.free) {
            if !body(UInt32(number)) { return UInt32(number) }
        }
        return nil
    }

    // MARK: What a pass sees

    /// Begins a pass, which has seen no row yet.
    mutating func beginPass() {
        if pass == .max {
            // Numbers are used again. A row that only some of the passes ask for must not be taken for one that was seen.
            for row in rows.indices { rows[row].pass = 0 }
            pass = 0
        }
        pass += 1
    }

    /// Whether the pass has seen the row.
    func isSeen(_ row: UInt32) -> Bool { rows[Int(row)].pass == pass }

    /// Notes that the pass sees the row: it is there, and asks for all its keys now.
    ///
    /// - Returns: false if the pass has seen it already.
    mutating func see(_ row: UInt32) -> Bool {
        if rows[Int(row)].pass == pass { return false }
        rows[Int(row)].pass = pass
        clear([.gone, .undecided], of: row)
        return true
    }

    /// Notes that a row is gone, so that it makes no key.
    mutating func lose(_ row: UInt32) {
        set(.gone, of: row)
        clear(.undecided, of: row)
    }

    /// Notes that all rows are gone that the pass has not seen.
    mutating func loseUnseen() {
        for row in rows.indices where rows[row].pass != pass && !rows[row].flags.contains(.free) { lose(UInt32(row)) }
    }

    /// Notes that a key came free which the contested rows may make that the pass has not seen.
    mutating func doubtContested() {
        guard counts.contested > 0 else { return }
        for row in rows.indices where rows[row].pass != pass {
            if rows[row].flags.isDisjoint(with: [.free, .gone]), rows[row].flags.contains(.contested) {
                set(.undecided, of: UInt32(row))
            }
        }
    }

    // MARK: Flags

    subscript(flags row: UInt32) -> Flags { rows[Int(row)].flags }

    mutating func set(_ flags: Flags, of row: UInt32) {
        let new = flags.subtracting(rows[Int(row)].flags)
        if new.isEmpty { return }
        rows[Int(row)].flags.formUnion(new)
        counts.add(1, new)
    }

    mutating func clear(_ flags: Flags, of row: UInt32) {
        let old = rows[Int(row)].flags.intersection(flags)
        if old.isEmpty { return }
        rows[Int(row)].flags.subtract(old)
        counts.add(-1, old)
    }

    // MARK: Keys that are not derived from the identity

    /// A stored key, by number.
    func find(key text: UnsafeRawBufferPointer) -> UInt32? {
        let hash = UInt32(truncatingIfNeeded: Self.digest(text))
        return keyIndex.find(hash) { texts.isEqual(keys[Int($0)].text, text) }
    }

    func owner(of key: UInt32) -> UInt32 { keys[Int(key)].owner }

    func withText<Result>(of key: UInt32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        texts.withText(keys[Int(key)].text, body)
    }

    /// The row's stored key of a family.
    func key(of row: UInt32, family: Int) -> UInt32? {
        var key = rows[Int(row)].firstKey
        while key != Self.noKey {
            if keys[Int(key)].family == UInt32(family) { return key }
            key = keys[Int(key)].next
        }
        return nil
    }

    func firstKey(of row: UInt32) -> UInt32? {
        let key = rows[Int(row)].firstKey
        return key == Self.noKey ? nil : key
    }

    /// Notes that a row owns a key that nobody owns.
    mutating func claim(_ text: UnsafeRawBufferPointer, family: Int, for row: UInt32) {
        let hash = UInt32(truncatingIfNeeded: Self.digest(text))
        let new = Key(
            text: texts.append(text), owner: row, next: rows[Int(row)].firstKey, hash: hash, family: UInt32(family))
        let number: UInt32
        if freeKey != Self.noKey {
            number = freeKey
            freeKey = keys[Int(number)].next
            keys[Int(number)] = new
        } else {
            number = UInt32(keys.count)
            keys.append(new)
        }
        rows[Int(row)].firstKey = number
        keyIndex.insert(number, hash: hash)
    }

    /// Forgets a key: nobody owns it any longer.
    mutating func release(key number: UInt32) {
        let key = keys[Int(number)]
        if rows[Int(key.owner)].firstKey == number {
            rows[Int(key.owner)].firstKey = key.next
        } else {
            var previous = rows[Int(key.owner)].firstKey
            while keys[Int(previous)].next != number { previous = keys[Int(previous)].next }
            keys[Int(previous)].next = key.next
        }
        keyIndex.remove(number, hash: key.hash)
        texts.forget(key.text)
        keys[Int(number)].next = freeKey
        freeKey = number
    }

    // MARK: Room

    /// How much of its memory is filled, texts included. What arrays have reserved beyond costs nothing before it is
    /// touched.
    var byteCount: Int {
        rows.count * MemoryLayout<Row>.stride + keys.count * MemoryLayout<Key>.stride + rowIndex.byteCount
            + keyIndex.byteCount + texts.byteCount
    }

    /// Gives memory back after many rows or keys were forgotten. Cheap where there is nothing to give.
    mutating func compact() {
        guard texts.isWasteful else { return }
        let old = texts
        texts = TextArena()
        for row in rows.indices where !rows[row].flags.contains(.free) {
            rows[row].identity = texts.append(rows[row].identity, of: old)
            var key = rows[row].firstKey
            while key != Self.noKey {
                keys[Int(key)].text = texts.append(keys[Int(key)].text, of: old)
                key = keys[Int(key)].next
            }
        }
    }
}
