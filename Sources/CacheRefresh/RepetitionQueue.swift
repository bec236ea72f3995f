/// What is to be done once more a little later.
///
/// A reader that asked the database before a change may fill the cache after the change was announced; doing it again
/// two seconds later catches such readers. Things fall due in the order in which they came.
struct RepetitionQueue: Sendable {
    /// How long after a change it is repeated.
    static let delay = Duration.seconds(2)

    enum Subject: Hashable, Sendable {
        /// The keys that the row has then.
        case row(UInt32)
        /// A key that no row owns any longer.
        case key([UInt8])
    }

    private var items: [(due: Duration, subject: Subject)] = []
    private var head = 0
    /// How many were ever queued; the number of the last one.
    private(set) var queued: UInt64 = 0
    /// How many were ever taken; the number of the last one.
    var taken: UInt64 { queued - UInt64(items.count - head) }

    var isEmpty: Bool { head == items.count }

    /// When the first falls due.
    var nextDue: Duration? { isEmpty ? nil : items[head].due }

    mutating func append(_ subject: Subject, at now: Duration) {
        items.append((now + Self.delay, subject))
        queued += 1
    }

    /// The first one if it is due.
    mutating func popDue(at now: Duration) -> Subject? {
        guard head < items.count, items[head].due <= now else { return nil }
        let subject = items[head].subject
        head += 1
        if head > 1024 && head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return subject
    }
}
