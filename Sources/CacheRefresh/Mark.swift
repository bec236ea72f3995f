/// How far a dataset was read: what the next leader needs to know to invalidate what changed while nobody led, and
/// nothing else.
public struct Mark: Hashable, Sendable {
    /// The format of the text that is kept in Redis.
    public static let format = 1

    /// The oldest transaction that was still running at the last complete read (`pg_snapshot_xmin`): whatever came
    /// later has this id or a higher one.
    public let horizon: UInt64
    /// Of the server that was read: its system identifier, database and timeline. Another server's ids say nothing.
    public let server: String
    /// Of the dataset's definition: a mark of another query or other keys says nothing.
    public let fingerprint: String

    public init(horizon: UInt64, server: String, fingerprint: String) {
        self.horizon = horizon
        self.server = server
        self.fingerprint = fingerprint
    }

    /// Reads the text of ``description``. Nil for any other text; fields that a later version adds are ignored.
    public init?(_ text: String) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count >= 4, fields[0] == "\(Self.format)", let horizon = UInt64(fields[1]) else { return nil }
        self.init(horizon: horizon, server: Self.unescaped(fields[2]), fingerprint: Self.unescaped(fields[3]))
    }

    /// The name of a database may hold spaces, which part the fields.
    private static func escaped(_ field: String) -> String {
        String(field.flatMap { $0 == "%" ? Array("%25") : $0 == " " ? Array("%20") : [$0] })
    }

    private static func unescaped(_ field: Substring) -> String {
        var text = ""
        var rest = field
        while let character = rest.popFirst() {
            if character == "%" && (rest.hasPrefix("20") || rest.hasPrefix("25")) {
                text.append(rest.hasPrefix("20") ? " " : "%")
                rest = rest.dropFirst(2)
            } else {
                text.append(character)
            }
        }
        return text
    }
}

extension Mark: CustomStringConvertible {
    public var description: String { "\(Self.format) \(horizon) \(Self.escaped(server)) \(Self.escaped(fingerprint))" }
}

/// Decides when a mark may be written: never before every invalidation that it stands for, the repetition included,
/// and rarely while nothing changes.
struct MarkKeeper: Sendable {
    /// The newest mark that all is done for, written or not: how far this leader itself need not look back.
    private(set) var reached: Mark?
    /// A mark that is only out of date is moved on this often.
    static let period = Duration.seconds(60)

    /// The mark that will be written once the repetitions up to a number are done.
    private var waiting: (mark: Mark, repetition: UInt64)?
    /// The newest mark, which follows it.
    private var newest: (mark: Mark, repetition: UInt64)?
    private var written: (mark: Mark, at: Duration, repetition: UInt64)?

    /// A pass was read to its end, and what it found was acknowledged.
    ///
    /// - Parameter repetition: the number of the last repetition that was queued so far.
    mutating func passed(_ mark: Mark, repetition: UInt64) {
        if waiting == nil {
            waiting = (mark, repetition)
        } else {
            newest = (mark, repetition)
        }
    }

    /// The mark to write now, if any. Call it only when nothing unacknowledged is left.
    ///
    /// - Parameter done: the number of the last repetition that was acknowledged.
    mutating func due(done: UInt64, at now: Duration) -> Mark? {
        if let (mark, repetition) = newest, repetition <= done {
            waiting = (mark, repetition)
            newest = nil
        }
        guard let (mark, repetition) = waiting, repetition <= done else { return nil }
        reached = mark
        let isUrgent = written.map { $0.repetition < repetition || now - $0.at >= Self.period } ?? true
        waiting = newest
        newest = nil
        guard isUrgent else {
            if waiting == nil { waiting = (mark, repetition) }
            return nil
        }
        written = (mark, now, repetition)
        return mark
    }

    /// The mark did not reach Redis.
    mutating func lost() {
        if waiting == nil, let written { waiting = (written.mark, written.repetition) }
        written = nil
    }
}

extension Dataset {
    /// Changes with anything that decides which keys a row has: 16 hexadecimal digits, FNV-1a.
    public var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(source)|\(identity)|\(keys.map { "\($0.template)=\($0.value)" })".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
