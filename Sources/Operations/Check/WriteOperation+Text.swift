internal import CacheRefresh
internal import Formatting

extension WriteOperation.Value {
    var byteCount: Int {
        switch self {
        case .string(let bytes): bytes.count
        case .hash(let fields): fields.reduce(0) { $0 + $1.key.count + $1.value.count }
        }
    }

    private func sorted(_ fields: [[UInt8]: [UInt8]]) -> [(name: [UInt8], text: [UInt8])] {
        fields.map { ($0.key, $0.value) }.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// The operation for people.
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
