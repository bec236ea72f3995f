internal import CacheRefresh
internal import JSON

/// Decides whether one cached value is what PostgreSQL says it should be.
enum Judgement: Hashable, Sendable {
    case equal
    case missing
    /// The text says where and how, for people.
    case different(String)

    /// - Parameters:
    ///   - content: what the cache holds.
    ///   - expected: JSON text.
    ///   - isHash: whether a hash with one field a column belongs there.
    init(_ content: CachedValue.Content, expected: UnsafeRawBufferPointer, isHash: Bool) {
        switch content {
        case .absent:
            self = .missing
        case .string(let bytes) where !isHash:
            let found = bytes.withUnsafeBytes { JSONComparison.difference($0, expected) }
            self = found.map { .different(Self.words($0)) } ?? .equal
        case .fields(let fields) where isHash:
            self = Self.judge(fields, expected: expected)
        case .string: self = .different("holds a string, not a hash")
        case .fields: self = .different("holds a hash, not a string")
        case .other(let type): self = .different("holds a \(type)")
        }
    }

    /// A field for each column that is not NULL, with its value as text.
    private static func judge(_ fields: [[UInt8]], expected: UnsafeRawBufferPointer) -> Judgement {
        guard case .object(let members)? = JSONValue(parsing: expected) else {
            return .different("belongs to a row that is no JSON object")
        }
        var wanted = members.filter { $0.value != .null }
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            let (name, text) = (fields[index], fields[index + 1])
            let place = "field \(String(decoding: name, as: UTF8.self))"
            guard let value = wanted.removeValue(forKey: name) else {
                return .different("\(place) should not be there")
            }
            let isEqual: Bool =
                switch value {
                case .string(let wanted): wanted == text
                case .null, .boolean, .number, .array, .object: JSONValue(parsing: text) == value
                }
            guard isEqual else {
                return .different(
                    words(
                        JSONComparison.Difference(
                            path: place, left: String(decoding: text, as: UTF8.self), right: "\(value)")))
            }
        }
        guard let lacking = wanted.keys.min(by: { $0.lexicographicallyPrecedes($1) }) else { return .equal }
        return .different("field \(String(decoding: lacking, as: UTF8.self)) is missing")
    }

    private static func words(_ difference: JSONComparison.Difference) -> String {
        let place = difference.path.isEmpty ? "" : "\(difference.path) "
        return "\(place)is \(excerpt(difference.left)), should be \(excerpt(difference.right))"
    }

    private static func excerpt(_ text: String?) -> String {
        guard let text else { return "not there" }
        return text.count > 60 ? "\(text.prefix(60))…" : text
    }
}
