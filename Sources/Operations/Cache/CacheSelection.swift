internal import CacheRefresh
internal import Formatting
internal import GroupState

/// Which of a Redis' keys are meant, where they have to be looked for.
struct CacheSelection: Sendable {
    /// The pattern for `SCAN … MATCH`.
    let pattern: [UInt8]
    /// The families of the place; only these are told apart.
    let families: [CacheFamily]
    /// Whether keys of no family are meant too.
    let takesStrangers: Bool

    /// All keys of these families, of which there is one at least.
    init(families: [CacheFamily]) {
        self.families = families
        takesStrangers = false
        pattern =
            families.count == 1
            ? families[0].form.pattern : ScanPattern.beginning(withOneOf: families.map(\.form.beginning))
    }

    /// All keys that a pattern matches.
    init(_ pattern: CachePattern, families: [CacheFamily]) {
        self.pattern = pattern.bytes
        self.families = families
        takesStrangers = true
    }

    /// Keys of one family, or of none.
    struct Share {
        /// A place in ``families``; nil for keys of none.
        let family: Int?
        var keys: [[UInt8]]
    }

    /// The keys that are meant, by family, and how many of Baton's own were left out.
    func sorted(_ keys: [[UInt8]]) -> (shares: [Share], own: Int) {
        var places: [Int?: Int] = [:]
        var shares: [Share] = []
        var own = 0
        for key in keys {
            guard !GroupKeys.isOwn(key) else {
                own += 1
                continue
            }
            let family = families.index(of: key)
            guard family != nil || takesStrangers else { continue }
            if let place = places[family] {
                shares[place].keys.append(key)
            } else {
                places[family] = shares.count
                shares.append(Share(family: family, keys: [key]))
            }
        }
        return (shares, own)
    }
}

/// A pattern as `SCAN … MATCH` takes it: `*` any text, `?` any byte, `[a-c]` one of several, a backslash before what is
/// meant literally.
package struct CachePattern: Hashable, Sendable {
    let bytes: [UInt8]

    /// - Parameter text: with escapes as of ``KeyText`` for bytes.
    /// - Throws: ``InspectionError`` for an empty one.
    package init(_ text: String) throws(InspectionError) {
        guard !text.isEmpty else {
            throw InspectionError(.usage, "The pattern is empty. Write such as 'user:*', in quotes for the shell.")
        }
        // Other backslashes stay for Redis, which reads them itself.
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let value = KeyText.hexadecimal(rest) {
                bytes += [UInt8(ascii: "\\"), value]
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        self.bytes = bytes
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    static func beginning(with text: [UInt8]) -> CachePattern {
        var pattern: [UInt8] = []
        ScanPattern.appendLiteral(text, to: &pattern)
        return CachePattern(bytes: pattern + [UInt8(ascii: "*")])
    }

    /// Whether no byte of it is meant literally: it matches all keys, or all of some length. Brackets with few bytes in
    /// them, such as `[*]`, are meant so.
    package var matchesEverything: Bool {
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"): continue
            case UInt8(ascii: "["): if Self.popClass(&rest) <= 16 { return false }
            default: return false
            }
        }
        return true
    }

    /// Takes what stands in brackets, up to the closing one or, as Redis has it, the end.
    ///
    /// - Returns: how many bytes it matches.
    private static func popClass(_ rest: inout ArraySlice<UInt8>) -> Int {
        let isNegated = rest.first == UInt8(ascii: "^")
        if isNegated { rest.removeFirst() }
        var bytes: Set<UInt8> = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "]") {
            if byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
                bytes.insert(escaped)
            } else if rest.count >= 2, rest.first == UInt8(ascii: "-") {
                let end = rest.dropFirst().first!
                rest = rest.dropFirst(2)
                bytes.formUnion(min(byte, end)...max(byte, end))
            } else {
                bytes.insert(byte)
            }
        }
        return isNegated ? 256 - bytes.count : bytes.count
    }
}
