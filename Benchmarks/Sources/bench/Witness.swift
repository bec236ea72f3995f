import Foundation
import Synchronization

/// What Redis did, told from the lines of its `MONITOR`: who was elected, whose writes it accepted, and whose it
/// refused.
///
/// Commands of a script follow the line of the script that they belong to, and no other command comes between them.
final class Witness: Sendable {
    /// By the clock of Redis, which is this machine's, in seconds since 1970.
    typealias Time = Double

    struct Term {
        let epoch: Int64
        let electedAt: Time
        var holder = ""
        /// When the fence accepted its first word, after which its writes are accepted too.
        var syncedAt: Time?
    }

    struct Sight {
        /// Since when Redis is watched without a break.
        var watchedSince: Time?
        var terms: [Term] = []
        /// When the leader was requested to step down.
        var requestedAt: Time?
        /// When each mark of the canary reached the cache.
        var marks: [Int: Time] = [:]
        /// Batches of the newest term.
        var accepted = 0
        /// Batches, and words to the fence, of a term that was succeeded or sealed.
        var staleAccepted = 0
        var staleRejected = 0
        /// The epoch of the batch of which it is not known yet what comes of it.
        fileprivate var pending: Int64?
        fileprivate var isSealed = false
    }

    private let state = Mutex(Sight())

    static var now: Time {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Time(time.tv_sec) + Time(time.tv_nsec) / 1e9
    }

    /// The value of the canary that bears this number.
    static func mark(_ number: Int) -> String { "mark-\(number)." }

    /// Everything that was seen.
    var sight: Sight { state.withLock { $0 } }

    /// Waits until what was seen satisfies the condition.
    func wait<Answer>(
        for what: String, within limit: Duration = .seconds(30), _ condition: (Sight) -> Answer?
    ) async throws -> Answer {
        let end = ContinuousClock.now + limit
        while true {
            if let answer = condition(sight) { return answer }
            guard ContinuousClock.now < end else { throw Shell.Failed(description: "no \(what) within \(limit)") }
            // Redis says when it was, so looking rarely costs no precision.
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// A witness that sees nothing proves nothing: it is shown one stale batch that is refused, and one that is
    /// accepted.
    static func check() throws {
        let witness = Witness()
        let batch = #"[0 127.0.0.1:9] "EVALSHA" "5a" "2" "{baton:a}:fence" "key" "1" "token" "4" "5" "S""#
        for line in [
            #"[0 lua] "HSET" "{baton:a}:fence" "epoch" "2" "token" "t" "sequence" "0" "highest" "2""#,
            batch,
            #"[0 lua] "HMGET" "{baton:a}:fence" "epoch" "token" "sequence""#,
            batch,
            #"[0 lua] "HMGET" "{baton:a}:fence" "epoch" "token" "sequence""#,
            #"[0 lua] "HSET" "{baton:a}:fence" "sequence" "5""#,
            #"[0 127.0.0.1:9] "PING""#,
        ] {
            witness.saw(Array("+1700000000.000001 \(line)".utf8)[...])
        }
        let sight = witness.sight
        guard sight.staleRejected == 1, sight.staleAccepted == 1 else {
            throw Shell.Failed(description: "stale batches would go unseen: \(sight)")
        }
    }

    // MARK: Lines

    /// The connection ended: what comes next is seen from the next connection on.
    func lost() {
        state.withLock {
            $0.settle()
            $0.watchedSince = nil
        }
    }

    /// - Parameter line: as `+1700000000.123456 [0 127.0.0.1:4711] "GET" "key"`, or `+OK`.
    func saw(_ line: ArraySlice<UInt8>) {
        guard let bracket = line.firstIndex(of: UInt8(ascii: "]")) else {
            state.withLock { $0.watchedSince = Self.now }
            return
        }
        var words = Words(line[(bracket + 1)...])
        let isOfScript = line[..<bracket].hasSuffix("lua")
        guard let command = words.next() else { return }
        let isScript = !isOfScript && (command.isWord("EVALSHA") || command.isWord("EVAL"))
        guard !isOfScript || command.isWord("HSET") || command.isWord("SET") else { return }
        let at = Time(String(decoding: line.dropFirst().prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)) ?? 0
        state.withLock { sight in
            if !isOfScript { sight.settle() }
            if isScript {
                sight.scriptBegan(&words)
            } else if isOfScript {
                if command.isWord("HSET") { sight.setHash(&words, at) } else { sight.set(&words, at) }
            }
        }
    }
}

extension Witness.Sight {
    /// A script whose first key is the fence is a batch; its epoch follows its keys.
    fileprivate mutating func scriptBegan(_ words: inout Words) {
        _ = words.next()
        guard let count = words.next().flatMap({ Int(text($0)) }), count > 0, let key = words.next(),
            key.hasSuffix(":fence")
        else { return }
        for _ in 1..<count { _ = words.next() }
        pending = words.next().flatMap { Int64(text($0)) }
    }

    /// The script has ended, and did not accept the batch.
    fileprivate mutating func settle() {
        if let pending, isStale(pending) { staleRejected += 1 }
        pending = nil
    }

    private func isStale(_ epoch: Int64) -> Bool {
        guard let newest = terms.last?.epoch else { return false }
        return epoch < newest || epoch == newest && isSealed
    }

    fileprivate mutating func setHash(_ words: inout Words, _ at: Witness.Time) {
        guard let key = words.next(), let field = words.next() else { return }
        if key.hasSuffix(":requests"), field.isWord("step-down") { requestedAt = at }
        guard key.hasSuffix(":fence"), let value = words.next() else { return }
        if field.isWord("sequence"), let epoch = pending {
            if isStale(epoch) { staleAccepted += 1 } else { accepted += 1 }
            pending = nil
        } else if field.isWord("token") {
            isSealed = true
        } else if field.isWord("epoch"), let epoch = Int64(text(value)) {
            for _ in 0..<3 { _ = words.next() }
            raised(epoch, isElection: words.next()?.isWord("0") ?? false, at)
        }
    }

    private mutating func raised(_ epoch: Int64, isElection: Bool, _ at: Witness.Time) {
        if isElection {
            guard epoch > terms.last?.epoch ?? 0 else { return }
            terms.append(Witness.Term(epoch: epoch, electedAt: at))
            isSealed = false
        } else if isStale(epoch) {
            staleAccepted += 1
        } else if let newest = terms.indices.last, terms[newest].syncedAt == nil {
            terms[newest].syncedAt = at
        }
    }

    fileprivate mutating func set(_ words: inout Words, _ at: Witness.Time) {
        guard let key = words.next(), let value = words.next() else { return }
        if key.hasSuffix(":lease"), let newest = terms.indices.last {
            let parts = text(value).components(separatedBy: #"\"holder\":\""#)
            terms[newest].holder = parts.count > 1 ? String(parts[1].prefix { $0 != "\\" }) : ""
        } else if key.starts(with: "canary:".utf8) {
            let number = text(value).components(separatedBy: "mark-").last?.prefix { $0.isNumber } ?? ""
            if let mark = Int(number), marks[mark] == nil { marks[mark] = at }
        }
    }

    private func text(_ word: ArraySlice<UInt8>) -> String { String(decoding: word, as: UTF8.self) }
}

/// The words of a line, each in quotes, as they stand there.
private struct Words {
    private var rest: ArraySlice<UInt8>

    init(_ rest: ArraySlice<UInt8>) { self.rest = rest }

    mutating func next() -> ArraySlice<UInt8>? {
        guard let start = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        var end = start + 1
        while end < rest.endIndex, rest[end] != UInt8(ascii: "\"") {
            end += rest[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard end < rest.endIndex else { return nil }
        defer { rest = rest[(end + 1)...] }
        return rest[(start + 1)..<end]
    }
}

extension ArraySlice<UInt8> {
    fileprivate func isWord(_ word: StaticString) -> Bool {
        count == word.utf8CodeUnitCount && hasSuffix(word)
    }

    fileprivate func hasSuffix(_ word: StaticString) -> Bool {
        word.withUTF8Buffer { suffix($0.count).elementsEqual($0) }
    }
}
