internal import CacheRefresh
internal import GroupState
internal import Synchronization

/// One walk over the keys of a Redis in a term, for all datasets of mode `upsert` that are there: whichever needs it first
/// walks, and puts aside what may belong to the others until they have read their rows.
///
/// A dataset may look at these keys later without harm: only leaders write such keys, those before this one can't any
/// more, and what this one wrote is known to it.
package final class SharedWalk: Sendable {
    /// What is put aside takes this much memory at most; where there is more, each dataset walks for itself.
    private static let limit = 32 << 20
    private static let bytesPerKey = 48
    private static let pageSize = Inventory.pageSize

    private struct State {
        /// The keys of each dataset that has not asked for them, by its name.
        var aside: [String: [[UInt8]]] = [:]
        var bytes = 0
        /// How often the Redis had lost data when the walk began; nil before it, and if it came to nothing.
        var losses: Int?
        var isUnderWay = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let keyPrefix: String
    private let forms: [String: [KeyForm]]
    private let state = Mutex(State())

    /// - Parameter datasets: the datasets of one Redis; those without use for it are left out.
    init(_ datasets: [Dataset], keyPrefix: String) {
        self.keyPrefix = keyPrefix
        let users = datasets.filter { dataset in
            // Rows outside a filter may have keys, so that nobody looks for those without rows.
            if case .table(_, _, .some) = dataset.source { return false }
            return dataset.mode == .upsert
        }
        forms = Dictionary(users.map { ($0.name, Self.forms(of: $0, keyPrefix)) }, uniquingKeysWith: { $1 })
    }

    private static func forms(of dataset: Dataset, _ prefix: String) -> [KeyForm] {
        dataset.keys.map { KeyForm($0.template, prefix: prefix) }
    }

    /// Calls `body` with the keys that may be a dataset's, a page at a time. A dataset's first call gets those of the
    /// common walk, its later ones those of a walk for it alone.
    ///
    /// - Parameter losses: how often the Redis has lost data by now: what was found before that is not worth anything.
    func forEachPage(
        of dataset: Dataset, after losses: Int, _ inventory: Inventory, _ body: ([[UInt8]]) async throws -> Void
    ) async throws {
        let own = Self.forms(of: dataset, keyPrefix)
        if let found = await turn(of: dataset.name, own, losses) {
            for start in stride(from: 0, to: found.count, by: Self.pageSize) {
                try await body(Array(found[start..<min(start + Self.pageSize, found.count)]))
            }
        } else {
            defer { walkEnded() }
            try await walk(for: dataset.name, own, losses, inventory, body)
        }
    }

    /// Waits until nobody walks.
    ///
    /// - Returns: what was put aside for a dataset; nil if it is to walk now.
    private func turn(of dataset: String, _ own: [KeyForm], _ losses: Int) async -> [[UInt8]]? {
        enum Turn {
            case wait
            case take([[UInt8]])
            case walk
        }
        while true {
            let turn = state.withLock { state -> Turn in
                if state.isUnderWay { return .wait }
                // It may have been replaced by one of the same name.
                if state.losses == losses, forms[dataset] == own, let keys = state.aside.removeValue(forKey: dataset) {
                    return .take(keys)
                }
                state.isUnderWay = true
                return .walk
            }
            switch turn {
            case .take(let keys): return keys
            case .walk: return nil
            case .wait:
                await withCheckedContinuation { continuation in
                    let mustWait = state.withLock { state in
                        if state.isUnderWay { state.waiting.append(continuation) }
                        return state.isUnderWay
                    }
                    if !mustWait { continuation.resume() }
                }
            }
        }
    }

    private func walk(
        for dataset: String, _ own: [KeyForm], _ losses: Int, _ inventory: Inventory,
        _ body: ([[UInt8]]) async throws -> Void
    ) async throws {
        // The walk is shared only once in a term: datasets that come later have their own reasons.
        let others = state.withLock { state in
            guard state.losses != losses else { return [String: [KeyForm]]() }
            (state.aside, state.bytes, state.losses) = ([:], 0, nil)
            return forms.filter { $0.key != dataset }
        }
        var isComplete = !others.isEmpty
        let beginnings = (own + others.values.joined()).map(\.beginning)
        try await inventory.forEachPage(matching: ScanPattern.beginning(withOneOf: beginnings)) { keys in
            if isComplete { isComplete = putAside(keys, for: others) }
            try await body(keys.filter { key in own.contains { $0.resembles(key) } })
        }
        guard isComplete else { return }
        state.withLock { state in
            state.losses = losses
            for name in others.keys where state.aside[name] == nil { state.aside[name] = [] }
        }
    }

    /// - Returns: whether there was room.
    private func putAside(_ keys: [[UInt8]], for others: [String: [KeyForm]]) -> Bool {
        state.withLock { state in
            for key in keys {
                for (name, forms) in others where forms.contains(where: { $0.resembles(key) }) {
                    state.aside[name, default: []].append(key)
                    state.bytes += key.count + Self.bytesPerKey
                }
            }
            guard state.bytes > Self.limit else { return true }
            (state.aside, state.bytes) = ([:], 0)
            return false
        }
    }

    private func walkEnded() {
        let waiting = state.withLock { state in
            defer { (state.isUnderWay, state.waiting) = (false, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
