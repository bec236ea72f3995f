@testable import CacheRefresh

/// As much of a Redis as batches can see, in memory and on a clock that is moved by hand.
final class FakeRedis {
    struct Entry: Equatable {
        /// A string as it is; a hash as `field=value` in the order of the fields' names, spaces between.
        var text: String
        var expiresAt: Duration?
    }

    /// What becomes of a batch.
    enum Fate {
        case answered
        /// The operations at these places are refused, the others done.
        case refused(Set<Int>)
        /// It never arrived.
        case lost
        /// It was done, but its answer never came.
        case unanswered
    }

    /// A guard that is switched off, so that tests of safety can be tested.
    enum Sabotage: CaseIterable {
        case dropsDeletions
        case reversesBatches
        case forgetsToReportMissing
        case keepsEverything
    }

    var now = Duration.seconds(1000)
    var fate: (WriteBatch) -> Fate = { _ in .answered }
    var sabotage: Sabotage?
    /// Each operation that was done, such as `S user:1`, since somebody last emptied it.
    var log: [String] = []
    /// Each batch that arrived, since somebody last emptied it.
    var batches: [WriteBatch] = []
    private(set) var marks: [String: String] = [:]
    private var entries: [String: Entry] = [:]

    subscript(key: String) -> String? {
        get { live(key)?.text }
        set { entries[key] = newValue.map { Entry(text: $0, expiresAt: nil) } }
    }

    var keys: [String] { entries.keys.filter { live($0) != nil }.sorted() }
    var contents: [String: String] { entries.filter { live($0.key) != nil }.mapValues(\.text) }

    func ttl(of key: String) -> Duration? { live(key)?.expiresAt.map { $0 - now } }

    func set(_ key: String, _ text: String, ttl: Duration) {
        entries[key] = Entry(text: text, expiresAt: now + ttl)
    }

    func removeAll() { entries = [:] }

    /// Nil: no answer came.
    func execute(_ batch: WriteBatch) -> BatchOutcome? {
        switch fate(batch) {
        case .answered: return apply(batch, refusing: [])
        case .refused(let places): return apply(batch, refusing: places)
        case .lost: return nil
        case .unanswered:
            _ = apply(batch, refusing: [])
            return nil
        }
    }

    private func live(_ key: String) -> Entry? {
        guard let entry = entries[key], entry.expiresAt.map({ $0 > now }) ?? true else { return nil }
        return entry
    }

    private func apply(_ batch: WriteBatch, refusing refused: Set<Int>) -> BatchOutcome {
        batches.append(batch)
        var outcome = BatchOutcome()
        var arguments = batch.arguments.texts[...]
        var steps: [() -> Void] = []
        for (place, key) in batch.keys.texts.enumerated() {
            let operation = batch.operations[place]
            let mine = take(operation, from: &arguments)
            steps.append { [self] in
                guard !refused.contains(place) else {
                    outcome.failures.append(.init(operation: place, message: "OOM"))
                    return
                }
                log.append("\(operation.letter) \(key)")
                perform(operation, key, mine, place, &outcome)
            }
        }
        for step in sabotage == .reversesBatches ? steps.reversed() : steps { step() }
        return outcome
    }

    private func take(_ operation: WriteBatch.Operation, from arguments: inout ArraySlice<String>) -> [String] {
        let count =
            switch operation {
            case .delete: 0
            case .touch, .setExisting: 1
            case .set, .compareAndSet, .mark, .touchHash: 2
            case .setHash, .compareAndSetHash, .setExistingHash:
                2 + 2 * Int(arguments[arguments.startIndex + 1])!
            }
        defer { arguments = arguments.dropFirst(count) }
        return Array(arguments.prefix(count))
    }

    private func perform(
        _ operation: WriteBatch.Operation, _ key: String, _ arguments: [String], _ place: Int,
        _ outcome: inout BatchOutcome
    ) {
        func expiry(_ ttl: String) -> Duration { now + .milliseconds(Int64(ttl)!) }
        func hash() -> String {
            stride(from: 2, to: arguments.count, by: 2).map { "\(arguments[$0])=\(arguments[$0 + 1])" }.sorted()
                .joined(separator: " ")
        }
        let old = live(key)
        switch operation {
        case .delete:
            if sabotage != .dropsDeletions { entries[key] = nil }
        case .touch, .touchHash:
            let count = operation == .touchHash ? Int(arguments[1])! : 0
            if old == nil || count > 0 && old?.text.split(separator: " ").count != count {
                if sabotage != .forgetsToReportMissing { outcome.missing.append(place) }
            } else {
                entries[key]?.expiresAt = expiry(arguments[0])
            }
        case .set: entries[key] = Entry(text: arguments[0], expiresAt: expiry(arguments[1]))
        case .setHash: entries[key] = Entry(text: hash(), expiresAt: expiry(arguments[0]))
        case .compareAndSet, .compareAndSetHash:
            let isHash = operation == .compareAndSetHash
            let text = isHash ? hash() : arguments[0]
            let expiresAt = expiry(arguments[isHash ? 0 : 1])
            if let old, old.text == text || sabotage == .keepsEverything {
                entries[key]?.expiresAt = old.expiresAt ?? expiresAt
                let left = (entries[key]!.expiresAt! - now).milliseconds
                outcome.kept.append(.init(operation: place, ttlMilliseconds: left))
            } else {
                entries[key] = Entry(text: text, expiresAt: expiresAt)
            }
        case .setExisting, .setExistingHash:
            if old != nil { entries[key]?.text = operation == .setExisting ? arguments[0] : hash() }
        case .mark: marks[arguments[0]] = arguments[1]
        }
    }
}

extension ArgumentBuffer {
    var texts: [String] {
        var start = 0
        return lengths.map { length in
            defer { start += length }
            return String(decoding: bytes[start..<(start + length)], as: UTF8.self)
        }
    }
}

extension WriteBatch.Operation {
    /// As the log of the imitated Redis calls it.
    fileprivate var letter: Character {
        switch self {
        case .delete: "D"
        case .touch: "T"
        case .touchHash: "t"
        case .set: "S"
        case .compareAndSet: "C"
        case .setExisting: "X"
        case .setHash: "H"
        case .compareAndSetHash: "h"
        case .setExistingHash: "J"
        case .mark: "M"
        }
    }
}
