/// The content of a key before an operation.
public struct KeyContent: Hashable, Sendable {
    /// The rest of the TTL as `PTTL` answers it, in milliseconds: -1 without a TTL, -2 without a key.
    public let ttlMilliseconds: Int64
    /// The value; nil without a key, and for a type that Baton never writes.
    public let value: WriteOperation.Value?

    public init(ttlMilliseconds: Int64, value: WriteOperation.Value?) {
        self.ttlMilliseconds = ttlMilliseconds
        self.value = value
    }

    var isThere: Bool { ttlMilliseconds != -2 }
}

/// The effect of one operation on a key.
public enum KeyEffect: Hashable, Sendable {
    /// The key was not there and is now.
    case created
    /// The key held something else.
    case replaced
    case deleted
    /// The key has its whole TTL again.
    case renewed
    /// The right value is in place, and has this much of its TTL left.
    case kept(ttlMilliseconds: Int64)
    /// The right value is in place, without a TTL: it gets this one.
    case expiring(ttlMilliseconds: Int64)
    /// The key whose TTL is to be renewed is not there, or no longer whole.
    case missing
    /// Nothing is to be done.
    case none
}

extension WriteOperation {
    /// A hash of more fields is written anew where its TTL is to be renewed: Lua takes no more arguments at once.
    private static let mostFieldsRenewed = 1600

    /// What the `write` script makes of the key, for those who look without writing.
    ///
    /// This is the script's contract a second time: a test lets both judge every operation on every kind of key.
    public func effect(on content: KeyContent) -> KeyEffect {
        let isRight = content.value != nil && content.value == value
        switch operation {
        case .delete: return content.isThere ? .deleted : .none
        case .touch: return content.isThere ? .renewed : .missing
        case .touchHash:
            guard case .hash(let fields) = content.value, !fields.isEmpty, fields.count <= Self.mostFieldsRenewed,
                fieldCount == 0 || fieldCount == Int64(fields.count)
            else { return .missing }
            return .renewed
        case .set, .setHash: return !content.isThere ? .created : isRight ? .renewed : .replaced
        case .compareAndSet, .compareAndSetHash:
            guard isRight else { return content.isThere ? .replaced : .created }
            return content.ttlMilliseconds < 0
                ? .expiring(ttlMilliseconds: ttlMilliseconds ?? 0) : .kept(ttlMilliseconds: content.ttlMilliseconds)
        case .setExisting, .setExistingHash: return content.isThere && !isRight ? .replaced : .none
        case .mark: return .none
        }
    }
}

extension BatchOutcome {
    /// The script's answer to a batch whose operations would have these effects.
    public init(_ effects: [KeyEffect]) {
        self.init()
        for (place, effect) in effects.enumerated() {
            switch effect {
            case .kept(let ttl), .expiring(let ttl): kept.append(Kept(operation: place, ttlMilliseconds: ttl))
            case .missing: missing.append(place)
            case .created, .replaced, .deleted, .renewed, .none: break
            }
        }
    }
}
