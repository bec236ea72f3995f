import Testing

@testable import CacheRefresh

@Suite("Digest table")
struct DigestTableTests {
    @Test("an index equals a dictionary, also where hashes collide", arguments: [1, 7, 1 << 20] as [UInt32])
    func index(distinctHashes: UInt32) {
        var random = SeededGenerator(seed: UInt64(distinctHashes))
        var index = HashIndex()
        var hashes: [UInt32: UInt32] = [:]
        for step in 0..<4000 {
            let record = UInt32.random(in: 0..<300, using: &random)
            if let hash = hashes[record] {
                index.remove(record, hash: hash)
                hashes[record] = nil
            } else {
                let hash = UInt32.random(in: 0..<distinctHashes, using: &random) &* 0x9E37_79B1
                hashes[record] = hash
                index.insert(record, hash: hash)
            }
            #expect(index.count == hashes.count)
            guard step.isMultiple(of: 97) else { continue }
            for (record, hash) in hashes { #expect(index.find(hash) { $0 == record } == record) }
            #expect(index.find(12345) { _ in false } == nil)
        }
    }

    @Test("an arena gives its texts back, and knows when it is wasteful")
    func arena() {
        var arena = TextArena()
        let texts = (0..<3000).map { Array("text \($0)".utf8) + Array(repeating: UInt8(ascii: "x"), count: 1000) }
        let slices = texts.map { text in text.withUnsafeBytes { arena.append($0) } }
        #expect(zip(texts, slices).allSatisfy { text, slice in text.withUnsafeBytes { arena.isEqual(slice, $0) } })
        #expect(!texts[0].withUnsafeBytes { arena.isEqual(slices[1], $0) })
        for slice in slices.prefix(1400) { arena.forget(slice) }
        #expect(!arena.isWasteful)
        for slice in slices.prefix(1600).suffix(200) { arena.forget(slice) }
        #expect(arena.isWasteful)
        var other = TextArena()
        let moved = other.append(slices[2999], of: arena)
        #expect(texts[2999].withUnsafeBytes { other.isEqual(moved, $0) })
    }

    /// What a table should hold, by the plainest means.
    private struct Model {
        var digests: [String: UInt64] = [:]
        /// Key → identity and family.
        var owners: [String: (identity: String, family: Int)] = [:]
    }

    @Test("equals a dictionary after whatever happened", arguments: 1...6 as ClosedRange<UInt64>)
    func table(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = DigestTable()
        var model = Model()
        // Long identities, so that sweeping out forgotten texts happens within few steps.
        let padding = String(repeating: "p", count: seed.isMultiple(of: 2) ? 2000 : 0)
        for step in 0..<6000 {
            let identity = "row \(Int.random(in: 0..<400, using: &random))\(padding)"
            let row = find(table, identity)
            #expect((row != nil) == (model.digests[identity] != nil))
            switch (Int.random(in: 0..<6, using: &random), row) {
            case (0...2, _):
                let (row, isNew) = Array(identity.utf8).withUnsafeBytes { table.findOrInsert(identity: $0) }
                #expect(isNew == (model.digests[identity] == nil))
                let digest = UInt64.random(in: 0...99, using: &random)
                table[digest: row] = digest
                model.digests[identity] = digest
            case (3, .some(let row)):
                table.remove(row: row)
                #expect(!table.isRow(row))
                model.digests[identity] = nil
                model.owners = model.owners.filter { $0.value.identity != identity }
            case (4, .some(let row)):
                let family = Int.random(in: 1...2, using: &random)
                let key = "key \(Int.random(in: 0..<500, using: &random))\(padding)"
                guard model.owners[key] == nil, table.key(of: row, family: family) == nil else { continue }
                Array(key.utf8).withUnsafeBytes { table.claim($0, family: family, for: row) }
                model.owners[key] = (identity, family)
            case (5, .some):
                guard let key = model.owners.keys.sorted().randomElement(using: &random) else { continue }
                table.release(key: Array(key.utf8).withUnsafeBytes { table.find(key: $0) }!)
                model.owners[key] = nil
            default: break
            }
            if step.isMultiple(of: 50) { table.compact() }
            if step.isMultiple(of: 499) { verify(table, model) }
        }
        table.compact()
        verify(table, model)
    }

    private func find(_ table: borrowing DigestTable, _ identity: String) -> UInt32? {
        Array(identity.utf8).withUnsafeBytes { table.find(identity: $0) }
    }

    private func verify(_ table: DigestTable, _ model: Model) {
        #expect(table.count == model.digests.count)
        #expect(table.storedKeyCount == model.owners.count)
        for (identity, digest) in model.digests {
            let row = find(table, identity)!
            #expect(table[digest: row] == digest)
            #expect(table.withIdentity(of: row) { String(decoding: $0, as: UTF8.self) } == identity)
        }
        for (key, owner) in model.owners {
            let number = Array(key.utf8).withUnsafeBytes { table.find(key: $0) }!
            let row = find(table, owner.identity)
            #expect(table.owner(of: number) == row)
            #expect(table.key(of: row!, family: owner.family) == number)
            #expect(table.withText(of: number) { String(decoding: $0, as: UTF8.self) } == key)
        }
        var seen: Set<String> = []
        let end = table.scan(from: 0) { row in
            seen.insert(table.withIdentity(of: row) { String(decoding: $0, as: UTF8.self) })
            return true
        }
        #expect(end == nil && seen == Set(model.digests.keys))
    }

    @Test("uses numbers of forgotten rows again")
    func reuse() {
        var table = DigestTable()
        let rows = (0..<10).map { number in
            Array("row \(number)".utf8).withUnsafeBytes { table.findOrInsert(identity: $0).row }
        }
        for row in rows[3..<6] { table.remove(row: row) }
        let new = (0..<3).map { number in
            Array("new \(number)".utf8).withUnsafeBytes { table.findOrInsert(identity: $0).row }
        }
        #expect(Set(new) == Set(rows[3..<6]))
        #expect(new.allSatisfy { table[flags: $0].isEmpty && table.firstKey(of: $0) == nil })
    }

    @Test("counts the rows that have a flag, whatever passes saw and forgot")
    func flags() {
        var random = SeededGenerator(seed: 1)
        var table = DigestTable()
        let all: [DigestTable.Flags] = [.dirty, .setAside, .contested, .repeating, .gone, .undecided]
        for step in 0..<4000 {
            let row = insert("row \(Int.random(in: 0..<40, using: &random))", into: &table)
            switch Int.random(in: 0..<8, using: &random) {
            case 0...2: table.set([all.randomElement(using: &random)!, all.randomElement(using: &random)!], of: row)
            case 3, 4: table.clear([all.randomElement(using: &random)!, all.randomElement(using: &random)!], of: row)
            case 5: table.remove(row: row)
            case 6:
                if table.see(row) { #expect(table[flags: row].isDisjoint(with: [.gone, .undecided])) }
                #expect(table.isSeen(row) && !table.see(row))
            default:
                if step.isMultiple(of: 3) { table.doubtContested() } else { table.loseUnseen() }
                table.beginPass()
                #expect(!table.isSeen(row))
            }
            func count(_ flag: DigestTable.Flags) -> Int {
                var count = 0
                _ = table.scan(from: 0) { row in
                    if table[flags: row].contains(flag) { count += 1 }
                    return true
                }
                return count
            }
            let counts = table.counts
            #expect(counts.dirty == count(.dirty) && counts.setAside == count(.setAside))
            #expect(counts.contested == count(.contested))
            #expect(counts.gone == count(.gone) && counts.undecided == count(.undecided))
        }
    }

    /// What it costs at most to remember a row, beside the text of its stored keys.
    private static let bytesPerRow = 100

    @Test("costs at most 100 bytes a row, whatever the number of rows", arguments: [false, true])
    func room(isUUID: Bool) {
        let count = 125_000
        var table = DigestTable()
        var most = 0.0
        for number in 0..<count {
            insert(Self.identity(number, isUUID: isUUID), into: &table)
            // Just after it has grown an index is at its emptiest.
            if number >= 1000 { most = max(most, Double(table.byteCount) / Double(number + 1)) }
        }
        #expect(table.count == count && most > 50)
        #expect(most <= Double(Self.bytesPerRow), "\(most)")
        // As many rows come as go: those that are forgotten give their place to the new ones.
        for number in 0..<count / 2 {
            table.remove(row: find(table, Self.identity(number, isUUID: isUUID))!)
            insert(Self.identity(count + number, isUUID: isUUID), into: &table)
            if number.isMultiple(of: 1000) { table.compact() }
            let bytes = Double(table.byteCount) / Double(count)
            // Up to a half of the texts are forgotten ones.
            let text = Double(isUUID ? 36 : 6)
            most = max(most, bytes - text)
        }
        #expect(table.count == count)
        #expect(most <= Double(Self.bytesPerRow), "\(most)")
    }

    @Test("costs at most 100 bytes a row and the text of its key, where that can't be derived from the identity")
    func roomWithStoredKeys() {
        let count = 125_000
        var table = DigestTable()
        var texts = 0
        var most = 0.0
        for number in 0..<count {
            let row = insert(Self.identity(number, isUUID: false), into: &table)
            let key = Array("cache:appUsers:phone:1380000\(number)".utf8)
            key.withUnsafeBytes { table.claim($0, family: 1, for: row) }
            texts += key.count
            if number >= 1000 { most = max(most, Double(table.byteCount - texts) / Double(number + 1)) }
        }
        #expect(table.storedKeyCount == count)
        // As full as with a million rows.
        #expect(table.byteCount - texts <= Self.bytesPerRow * count, "\((table.byteCount - texts) / count)")
        // For a while after both indices have grown a little more.
        #expect(most <= 106, "\(most)")
    }

    private static func identity(_ number: Int, isUUID: Bool) -> String {
        let digits = "\(number)"
        return isUUID ? "7d444840-9dc0-11d1-b245-" + String(repeating: "0", count: 12 - digits.count) + digits : digits
    }

    @discardableResult
    private func insert(_ identity: String, into table: inout DigestTable) -> UInt32 {
        Array(identity.utf8).withUnsafeBytes { table.findOrInsert(identity: $0).row }
    }
}
