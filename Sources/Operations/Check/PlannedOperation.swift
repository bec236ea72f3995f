internal import CacheRefresh
internal import Formatting

/// One operation of a batch, taken out of it to be looked at.
struct PlannedOperation: Hashable, Sendable {
    /// What a key shall hold.
    enum Value: Hashable, Sendable {
        case string([UInt8])
        case hash([[UInt8]: [UInt8]])
    }

    let operation: WriteBatch.Operation
    let key: [UInt8]
    /// Nil for deletions and renewals.
    let value: Value?
    /// Nil where the key keeps its own.
    let ttlMilliseconds: Int64?
}

extension WriteBatch {
    /// The operations, one by one; those of Baton's own bookkeeping are left out.
    var planned: [PlannedOperation] {
        var keys = ArgumentReader(keys)
        var arguments = ArgumentReader(arguments)
        return operations.compactMap { operation in
            let key = keys.next()
            var value: PlannedOperation.Value?
            var ttl: Int64?
            switch operation {
            case .delete: break
            case .touch: ttl = arguments.nextNumber()
            case .touchHash:
                ttl = arguments.nextNumber()
                _ = arguments.next()
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
            case .mark:
                _ = (arguments.next(), arguments.next())
                return nil
            }
            return PlannedOperation(operation: operation, key: key, value: value, ttlMilliseconds: ttl)
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

extension PlannedOperation.Value {
    var byteCount: Int {
        switch self {
        case .string(let bytes): bytes.count
        case .hash(let fields): fields.reduce(0) { $0 + $1.key.count + $1.value.count }
        }
    }

    private func sorted(_ fields: [[UInt8]: [UInt8]]) -> [(name: [UInt8], text: [UInt8])] {
        fields.map { ($0.key, $0.value) }.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// For people.
    var shown: String {
        switch self {
        case .string(let bytes): TextLayout.shortened(KeyText.value(bytes, limit: 4096), 200)
        case .hash(let fields):
            TextLayout.shortened(
                KeyText.value(
                    Array(
                        sorted(fields).map { $0.name + Array("=".utf8) + $0.text }.joined(separator: Array(" ".utf8))),
                    limit: 4096), 200)
        }
    }

    var json: JSONText {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        return switch self {
        case .string(let bytes): .text(text(bytes))
        case .hash(let fields):
            .object(sorted(fields).map { JSONText.Member(name: text($0.name), value: .text(text($0.text))) })
        }
    }
}
