/// One operation of a batch, taken out of it to be looked at.
public struct WriteOperation: Hashable, Sendable {
    /// The value that a key holds, or is to hold.
    public enum Value: Hashable, Sendable {
        case string([UInt8])
        case hash([[UInt8]: [UInt8]])
    }

    public let operation: WriteBatch.Operation
    public let key: [UInt8]
    /// The value that the key is to hold; nil where the operation carries none.
    public let value: Value?
    /// The TTL that the key gets; nil where it keeps its own, or goes.
    public let ttlMilliseconds: Int64?
    /// How many fields a hash must have to be renewed, 0 for any number; nil for other operations.
    let fieldCount: Int64?
}

extension WriteBatch {
    /// The operations one by one, in their order.
    public var unpacked: [WriteOperation] {
        var keys = ArgumentReader(keys)
        var arguments = ArgumentReader(arguments)
        return operations.map { operation in
            let key = keys.next()
            var value: WriteOperation.Value?
            var ttl: Int64?
            var fieldCount: Int64?
            switch operation {
            case .delete: break
            case .touch: ttl = arguments.nextNumber()
            case .touchHash:
                ttl = arguments.nextNumber()
                fieldCount = arguments.nextNumber()
            case .set, .compareAndSet:
                value = .string(arguments.next())
                ttl = arguments.nextNumber()
            case .setExisting: value = .string(arguments.next())
            case .setHash, .compareAndSetHash, .setExistingHash:
                let hashTTL = arguments.nextNumber()
                ttl = operation == .setExistingHash ? nil : hashTTL
                var fields: [[UInt8]: [UInt8]] = [:]
                for _ in 0..<arguments.nextNumber() {
                    let name = arguments.next()
                    fields[name] = arguments.next()
                }
                value = .hash(fields)
            case .mark: _ = (arguments.next(), arguments.next())
            }
            return WriteOperation(
                operation: operation, key: key, value: value, ttlMilliseconds: ttl, fieldCount: fieldCount)
        }
    }
}

/// Hands out arguments in order.
private struct ArgumentReader {
    private let buffer: ArgumentBuffer
    private var position = 0
    private var offset = 0

    init(_ buffer: ArgumentBuffer) { self.buffer = buffer }

    mutating func next() -> [UInt8] {
        let end = offset + buffer.lengths[position]
        defer { (position, offset) = (position + 1, end) }
        return Array(buffer.bytes[offset..<end])
    }

    mutating func nextNumber() -> Int64 { Int64(String(decoding: next(), as: UTF8.self)) ?? 0 }
}
