/// The summary of one pass of a dataset: what it found and did. Counts are of keys unless said otherwise.
public struct PassSummary: Hashable, Sendable {
    /// Rows read from PostgreSQL.
    public var rowsRead = 0
    /// Rows that are new or differ from what was remembered.
    public var rowsChanged = 0
    /// Rows that are no longer there, and whose keys were therefore deleted.
    public var rowsDeleted = 0
    /// Keys handed to Redis to be written, or compared and written, as far as it took them.
    public var keysWritten = 0
    /// Keys unlinked: of rows that are gone, of changed keys, and invalidations.
    public var keysDeleted = 0
    /// TTLs renewed.
    public var keysRenewed = 0
    /// Keys that were found right where a new leader compares, and so were not written.
    public var keysKept = 0
    /// Operations that Redis refused or whose answer never came; they are done again by a later pass.
    public var keysFailed = 0
    /// Deletions that the brake holds.
    public var keysHeld = 0
    /// How long they are held, on the clock that the refresh is given; nil if none is.
    public var hold: Brake.Hold?
    /// Rows that cannot be written; see ``SetAside``.
    public var rowsSetAside = 0
    /// Rows that share a key or an identity with another one, which keeps it.
    public var rowsContested = 0

    public init() {}
}

/// A row that cannot be written. Its old key is kept, and the pass goes on without it.
public struct SetAside: Hashable, Sendable {
    public enum Reason: Hashable, Sendable {
        /// A column of the identity is NULL.
        case nullIdentity
        /// A column that a key is made from is the empty text.
        case emptyKeyColumn
        /// A key or identity longer than 64 KiB.
        case keyTooLong(bytes: Int)
        /// Larger than the dataset's `maxValueBytes`.
        case valueTooLarge(bytes: Int)
        /// Larger than Redis takes a value.
        case refusedByRedis(bytes: Int)
        /// The database is not in an encoding that PostgreSQL can turn into UTF-8.
        case notUTF8
        /// The line that came for the row has fewer fields than were asked for.
        case wrongLine(fields: Int)
    }

    /// The fields of the identity in PostgreSQL's `COPY` text format, tabs between.
    public let identity: String
    public let reason: Reason
    /// The identity for people: an empty text can be seen.
    public var name: String { identity.isEmpty ? "''" : identity }
}

extension SetAside.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .nullIdentity: "a column of the identity is NULL"
        case .emptyKeyColumn: "a column of a key is empty"
        case .keyTooLong(let bytes): "the key has \(bytes) bytes, more than \(DatasetRefresh.maximumKeyBytes)"
        case .valueTooLarge(let bytes): "the value has at least \(bytes) bytes, more than maxValueBytes"
        case .refusedByRedis(let bytes): "Redis refuses a value of \(bytes) bytes: see its proto-max-bulk-len"
        case .notUTF8: "its text is not UTF-8"
        case .wrongLine(let fields): "the server sent \(fields) fields, fewer than were asked for"
        }
    }
}
