/// The writes and deletions that are to be done once more a little later, and perhaps a last time much later.
///
/// A reader that asked the database before a change may fill the cache after the change was announced; doing it again
/// soon catches most of such readers, and once more late the slow ones. Things fall due in the order in which they came.
struct RepetitionQueue: Sendable {
    enum Subject: Hashable, Sendable {
        /// The keys that the row has then.
        case row(UInt32)
        /// A key that no row owns any longer.
        case key([UInt8])

        /// The memory that it takes, in bytes.
        fileprivate var cost: Int {
            switch self {
            case .row: MemoryLayout<Subject>.stride
            case .key(let key): MemoryLayout<Subject>.stride + 32 + key.count
            }
        }
    }

    /// More than this is not kept, in bytes: the oldest are then done before their time.
    static let maximumBytes = 64 << 20

    private var stages: [Stage]
    private let maximumBytes: Int
    private var byteCount = 0
    /// How many were ever queued; the number of the last one.
    private(set) var queued: UInt64 = 0
    /// How many were done for the last time; the number of the last one.
    var taken: UInt64 { queued - UInt64(stages.reduce(0) { $0 + $1.count }) }

    /// - Parameter delays: how long after a change it is repeated, each longer than the one before. None: never.
    init(delays: [Duration], maximumBytes: Int = RepetitionQueue.maximumBytes) {
        stages = delays.map(Stage.init)
        self.maximumBytes = maximumBytes
    }

    var isEmpty: Bool { stages.allSatisfy { $0.count == 0 } }

    /// When the first falls due.
    var nextDue: Duration? {
        guard let next = stages.compactMap(\.nextDue).min() else { return nil }
        return byteCount > maximumBytes ? .zero : next
    }

    mutating func append(_ subject: Subject, at now: Duration) {
        queued += 1
        guard !stages.isEmpty else { return }
        stages[0].append(subject, since: now)
        byteCount += subject.cost
    }

    /// The first one if it is due. It comes back after the next delay, if there is one.
    mutating func popDue(at now: Duration) -> Subject? {
        // The later a stage, the older is what waits in it.
        for place in stages.indices.reversed() {
            guard let due = stages[place].nextDue, due <= now || byteCount > maximumBytes else { continue }
            let (subject, since) = stages[place].removeFirst()
            if place + 1 < stages.count {
                stages[place + 1].append(subject, since: since)
            } else {
                byteCount -= subject.cost
            }
            return subject
        }
        return nil
    }

    /// The subjects that wait for the same delay, in order.
    private struct Stage: Sendable {
        let delay: Duration
        private var subjects: [Subject] = []
        private var head = 0
        /// How many subjects have the same time; a pass queues many at once.
        private var times: [(since: Duration, count: Int)] = []
        private var firstTime = 0

        init(delay: Duration) { self.delay = delay }

        var count: Int { subjects.count - head }
        var nextDue: Duration? { count == 0 ? nil : times[firstTime].since + delay }

        mutating func append(_ subject: Subject, since: Duration) {
            subjects.append(subject)
            if firstTime < times.count, times[times.count - 1].since == since {
                times[times.count - 1].count += 1
            } else {
                times.append((since, 1))
            }
        }

        mutating func removeFirst() -> (subject: Subject, since: Duration) {
            let first = (subjects[head], times[firstTime].since)
            head += 1
            times[firstTime].count -= 1
            if times[firstTime].count == 0 { firstTime += 1 }
            if head > 1024 && head * 2 > subjects.count {
                subjects.removeFirst(head)
                head = 0
                times.removeFirst(firstTime)
                firstTime = 0
            }
            return first
        }
    }
}
