internal import Formatting
internal import Logging

/// Which records repeat what was said a moment ago: the first of a kind is written at once, the others are counted, and
/// every ten seconds one of them is written with their number. Pure: the time is passed in.
///
/// Only warnings and errors are folded: trouble repeats itself, while everything else tells of something that happened.
struct LogFolding: Sendable {
    /// A record.
    struct Record: Sendable {
        let label: String
        let level: Logger.Level
        let message: String
        var metadata: Logger.Metadata
        /// When it was made.
        let time: WallClock
    }

    /// The kind of a record: records of one kind say the same.
    struct Kind: Hashable, Sendable {
        fileprivate let text: String

        init(_ record: Record) {
            let metadata = record.metadata.filter { !(LogKey(rawValue: $0.key)?.isIncidental ?? false) }
                .map { "\($0.key)=\($0.value)" }.sorted()
            text = ([record.label, "\(record.level)", record.message] + metadata).joined(separator: "\u{0}")
        }
    }

    enum Verdict: Equatable, Sendable {
        case write
        /// It is kept. Ask for ``due(_:at:)`` after this time if it is not nil: nobody else does.
        case fold(askAfter: Duration?)
    }

    /// How long repeats are counted.
    static let span = Duration.seconds(10)
    /// How many kinds are remembered; more are written as they come.
    static let limit = 256

    private struct Run: Sendable {
        let since: Duration
        var folded = 0
        var last: Record?
    }

    private let span: Duration
    private var runs: [Kind: Run] = [:]

    /// - Parameter span: how long repeats are counted.
    init(span: Duration = Self.span) { self.span = span }

    /// - Parameter now: on a clock that only goes forward.
    mutating func take(_ record: Record, _ kind: Kind, at now: Duration) -> Verdict {
        guard record.level >= .warning else { return .write }
        if var run = runs[kind], run.folded > 0 || now - run.since < span {
            run.folded += 1
            run.last = record
            runs[kind] = run
            return .fold(askAfter: run.folded == 1 ? max(.zero, run.since + span - now) : nil)
        }
        if runs.count >= Self.limit { runs = runs.filter { $0.value.folded > 0 || now - $0.value.since < span } }
        if runs.count < Self.limit { runs[kind] = Run(since: now) }
        return .write
    }

    /// The last of the records that were folded, with their number; nil if there are none. Counting begins anew.
    mutating func due(_ kind: Kind, at now: Duration) -> Record? {
        guard let run = runs[kind], run.folded > 0, var record = run.last else { return nil }
        runs[kind] = Run(since: now)
        record.metadata[LogKey.repeated.rawValue] = "\(run.folded)"
        return record
    }

    /// The records that were folded and not told yet, because the process ends.
    mutating func rest() -> [Record] {
        let kinds = runs.filter { $0.value.folded > 0 }.keys
        return kinds.compactMap { due($0, at: .zero) }.sorted {
            $0.time.millisecondsSince1970 < $1.time.millisecondsSince1970
        }
    }
}
