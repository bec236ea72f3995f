/// The run-time parameters that a connection string asks for with `options`, as the server's command line takes them:
/// `-c name=value`, `-cname=value` or `--name=value`, with a backslash before a space that belongs to a value.
///
/// Source: `pg_split_opts` and `process_postgres_switches` of PostgreSQL; what else may stand there (`-W 5`) sets
/// nothing that matters to a reader.
struct StartupOptions: Equatable {
    struct Parameter: Equatable {
        let name: String
        let value: String
    }

    private(set) var parameters: [Parameter] = []

    init(_ text: String) {
        var words = Self.words(of: text)[...]
        while let word = words.popFirst() {
            if word.starts(with: "--".utf8) {
                add(word.dropFirst(2))
            } else if word == Array("-c".utf8) {
                if let next = words.popFirst() { add(next[...]) }
            } else if word.starts(with: "-c".utf8) {
                add(word.dropFirst(2))
            }
        }
    }

    /// Takes `name=value`; the server reads `-` in a name as `_`, and knows names in any case.
    private mutating func add(_ assignment: ArraySlice<UInt8>) {
        guard let equals = assignment.firstIndex(of: UInt8(ascii: "=")) else { return }
        let name = assignment[..<equals].map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "_")
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            default: byte
            }
        }
        let parameter = Parameter(
            name: String(decoding: name, as: UTF8.self),
            value: String(decoding: assignment[(equals + 1)...], as: UTF8.self))
        parameters.removeAll { $0.name == parameter.name }  // the last one counts
        parameters.append(parameter)
    }

    private static func words(of text: String) -> [[UInt8]] {
        var words: [[UInt8]] = []
        var word: [UInt8]?
        var isEscaped = false
        for byte in text.utf8 {
            if isEscaped {
                word = (word ?? []) + [byte]
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                word = word ?? []
                isEscaped = true
            } else if byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) {
                if let ended = word { words.append(ended) }
                word = nil
            } else {
                word = (word ?? []) + [byte]
            }
        }
        if let ended = word { words.append(ended) }
        return words
    }
}
