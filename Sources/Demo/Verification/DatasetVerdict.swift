/// What comparing one dataset with the cache found. Counts of keys unless said otherwise.
public struct DatasetVerdict: Hashable, Sendable {
    public let dataset: String
    /// Rows in the database.
    public var rows = 0
    /// Keys that belong to the rows.
    public var keys = 0
    public var equal = 0
    public var different = 0
    public var missing = 0
    /// Keys of the dataset's shape that no row accounts for.
    public var extra = 0
    /// Keys that hold what they should but would live too long or too short.
    public var wrongTTL = 0
    /// The first few differences, one line each.
    public private(set) var findings: [String] = []

    public init(dataset: String) { self.dataset = dataset }

    /// Whether the cache is what it should be.
    public var isRight: Bool { different + missing + extra + wrongTTL == 0 }

    private static let mostFindings = 10

    mutating func note(_ key: [UInt8], _ finding: String) {
        guard findings.count < Self.mostFindings else { return }
        findings.append("\(dataset): \(String(decoding: key, as: UTF8.self)) \(finding)")
    }
}
