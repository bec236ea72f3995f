/// One reply, or an element of one, of the protocol's version 2.
public enum RedisValue: Hashable, Sendable {
    /// No such key or element; also the null array.
    case null
    case integer(Int64)
    /// A short word such as `OK` or `PONG`. (Kept apart, as errors are, so that the elements of an array take 16 bytes
    /// each.)
    indirect case status(String)
    /// A string of bytes, of any content.
    case bytes([UInt8])
    case array([RedisValue])
    /// An error inside an array, for instance of a transaction. A reply that *is* an error is thrown instead.
    indirect case error(RedisServerError)
}

extension RedisValue {
    /// The text of a status, or of bytes that are UTF-8; `nil` for everything else.
    public var string: String? {
        switch self {
        case .status(let text): text
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        case .null, .integer, .array, .error: nil
        }
    }

    /// The number of an integer, or of text that is a decimal number; `nil` for everything else.
    public var int: Int64? {
        switch self {
        case .integer(let value): value
        case .status, .bytes: self.string.flatMap { Int64($0) }
        case .null, .array, .error: nil
        }
    }

    /// The elements of an array; `nil` for everything else.
    public var array: [RedisValue]? {
        switch self {
        case .array(let elements): elements
        case .null, .integer, .status, .bytes, .error: nil
        }
    }

    /// The bytes of a string or status; `nil` for everything else.
    public var bytes: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .status(let text): Array(text.utf8)
        case .null, .integer, .array, .error: nil
        }
    }

    /// Whether it is ``null``.
    public var isNull: Bool { self == .null }
}

extension RedisValue: CustomStringConvertible {
    /// The value as `redis-cli` prints it, on one line, for people and tests.
    public var description: String {
        switch self {
        case .null: "(nil)"
        case .integer(let value): "\(value)"
        case .status(let text): text
        case .bytes(let bytes): "\"\(String(decoding: bytes, as: UTF8.self))\""
        case .array(let elements): "[\(elements.map(\.description).joined(separator: ", "))]"
        case .error(let error): "(error) \(error)"
        }
    }
}
