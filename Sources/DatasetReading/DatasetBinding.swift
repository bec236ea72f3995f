package import CacheRefresh
package import PostgresClient

/// The dataset as it fits the database: found anew when the columns change.
package struct DatasetBinding: Hashable, Sendable {
    package let described: [PostgresColumn]
    package let shape: RowShape
    /// The dataset's table, schema and name quoted; nil for a query.
    let relation: String?
    package let tables: [DatasetCatalog.Relation]
    /// All that is read, by object id, and how it was defined; see ``DatasetCatalog``.
    package let relations: [String]
    /// The tables among these that are not locked before the snapshot is taken.
    let unlockable: [String]
    let definitions: DatasetCatalog.Definitions
    /// Why each tick must read; nil if the gate may skip one.
    package let gateObstacle: String?
    /// Rows carry the transaction that wrote them: a plain or partitioned table.
    package let hasTransactionIDs: Bool
    package let validatesUTF8: Bool
    /// A hash of the dataset's definition, the columns that it has and where its rows are: what decides which keys
    /// there are, and what is in them.
    package let fingerprint: Fingerprint
}
