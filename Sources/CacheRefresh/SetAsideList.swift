/// Lists rows that cannot be written, the first hundred of them, and counts those that can't even be named.
///
/// The others are counted by ``DigestTable``.
struct SetAsideList: Sendable {
    static let maximumListed = 100

    private var rows: [UInt32: SetAside] = [:]
    private var nameless: [SetAside] = []
    /// Rows of the last read that have no identity which could be remembered.
    private(set) var namelessCount = 0

    /// The first hundred rows, those with an identity first.
    var listed: [SetAside] {
        Array((rows.values.sorted { $0.identity < $1.identity } + nameless).prefix(Self.maximumListed))
    }

    /// Notes why a row of the table is set aside now.
    mutating func list(_ row: UInt32, _ reason: SetAside.Reason, in table: borrowing DigestTable) {
        guard rows.count < Self.maximumListed || rows[row] != nil else { return }
        let identity = table.withIdentity(of: row) { String(decoding: $0, as: UTF8.self) }
        rows[row] = SetAside(identity: identity, reason: reason)
    }

    /// Ends that a row is set aside.
    mutating func remove(_ row: UInt32) { rows[row] = nil }

    /// Notes a row without an identity that could be remembered: its keys, if it had any, have another owner or none.
    mutating func addNameless(_ identity: UnsafeRawBufferPointer, _ reason: SetAside.Reason) {
        namelessCount += 1
        guard nameless.count < Self.maximumListed else { return }
        let isTooLong = identity.count > DatasetRefresh.maximumKeyBytes
        let text = String(decoding: isTooLong ? identity.prefix(100) : identity[...], as: UTF8.self)
        nameless.append(
            isTooLong
                ? SetAside(identity: text + "…", reason: .keyTooLong(bytes: identity.count))
                : SetAside(identity: text, reason: reason))
    }

    /// Forgets the rows without an identity, before all rows are read anew.
    mutating func forgetNameless() {
        namelessCount = 0
        nameless = []
    }
}
