/// The rows that a pass's read speaks of.
///
/// A pass of identities is for a source that tells which rows changed; the rows that it reads are clean then. Only a
/// pass of all rows opens a term, makes up for a read that failed, and looks at the keys that are there: where
/// ``DatasetRefresh/needsRead(at:)`` stays true after a pass of identities, one of all rows is due.
public enum ReadScope: Hashable, Sendable {
    /// All rows of the dataset come: one that does not is gone.
    case allRows
    /// The rows with these identities come, as far as they exist: one of them that does not is gone. All other rows stay
    /// as they are remembered, and keep their keys.
    ///
    /// An identity is the text of its columns in the `COPY` format with tabs between, as it stands at the start of a line.
    case identities([[UInt8]])
}
