package import CacheRefresh

/// A dataset as one replica knows it: its rows and their keys, and how it fits the database. Only one task touches it.
package final class KnownDataset {
    package var refresh: DatasetRefresh
    package internal(set) var binding: DatasetBinding

    init(refresh: consuming DatasetRefresh, binding: DatasetBinding) {
        self.refresh = refresh
        self.binding = binding
    }
}

/// The memory of a dataset from pass to pass.
package enum DatasetMemory {
    /// Nothing, at the start of a term and after Redis lost data. To `partial` when a pass reads its first rows.
    case nothing
    /// Some of what the database says is not in the cache, or may not be: the next pass reads. To `complete` when one
    /// comes to its end.
    case partial(KnownDataset)
    /// All that the snapshot shows is in the cache, and the next pass may be skipped. To `partial` when one begins.
    case complete(KnownDataset, Snapshot)

    package var known: KnownDataset? {
        switch self {
        case .nothing: nil
        case .partial(let known), .complete(let known, _): known
        }
    }

    /// The snapshot that the cache is known to show; nil if the next pass has to read.
    package var snapshot: Snapshot? {
        if case .complete(_, let snapshot) = self { snapshot } else { nil }
    }

    /// Forgets what the cache shows, but not the rows.
    package mutating func doubt() {
        if let known { self = .partial(known) }
    }
}
