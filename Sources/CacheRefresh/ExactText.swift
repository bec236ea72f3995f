/// Text that equals another one only if it is the same, scalar for scalar, as PostgreSQL and Redis compare.
///
/// Swift takes `é` in one scalar and `é` in two for equal; to a database they are two names.
public protocol ExactlyComparable {
    func isExactly(_ other: Self) -> Bool
    func hashExactly(into hasher: inout Hasher)
}

extension String: ExactlyComparable {
    public func isExactly(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }

    public func hashExactly(into hasher: inout Hasher) {
        for byte in utf8 { hasher.combine(byte) }
        hasher.combine(0xFF as UInt8)  // which no text holds
    }

    /// The text as an element of sets and a key of dictionaries.
    public var exact: Exact<String> { Exact(wrappedValue: self) }
}

extension Optional: ExactlyComparable where Wrapped: ExactlyComparable {
    public func isExactly(_ other: Wrapped?) -> Bool {
        switch (self, other) {
        case (let some?, let other?): some.isExactly(other)
        case (nil, nil): true
        case (nil, _?), (_?, nil): false
        }
    }

    public func hashExactly(into hasher: inout Hasher) { self?.hashExactly(into: &hasher) }
}

extension Array: ExactlyComparable where Element: ExactlyComparable {
    public func isExactly(_ other: [Element]) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0.isExactly($1) }
    }

    public func hashExactly(into hasher: inout Hasher) {
        for element in self { element.hashExactly(into: &hasher) }
    }
}

/// Makes the values that hold a text compare it scalar for scalar.
@propertyWrapper
public struct Exact<Text: ExactlyComparable>: Hashable {
    public var wrappedValue: Text

    public init(wrappedValue: Text) { self.wrappedValue = wrappedValue }

    public static func == (one: Exact, other: Exact) -> Bool { one.wrappedValue.isExactly(other.wrappedValue) }

    public func hash(into hasher: inout Hasher) { wrappedValue.hashExactly(into: &hasher) }
}

extension Exact: Sendable where Text: Sendable {}
