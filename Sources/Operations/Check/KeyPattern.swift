internal import CacheRefresh
internal import Formatting

/// All keys that a template can make, so that two templates can be asked whether they could make the same one.
struct KeyPattern: Hashable, Sendable {
    /// How often a byte of a set comes.
    private enum Count: Hashable, Sendable {
        case once, optional, anyNumber
    }

    private struct Element: Hashable, Sendable {
        let bytes: ByteSet
        let count: Count
    }

    private var elements: [Element] = []

    /// - Parameter kind: what a column of the template holds; nil if that is not known, and it may be any text.
    init(_ template: KeyTemplate, prefix: String, kind: (String) -> ColumnKind?) {
        append(literal: prefix)
        for part in template.parts {
            switch part {
            case .literal(let text): append(literal: text)
            case .column(let name): append(kind(name) ?? .text)
            }
        }
    }

    /// All keys that begin with a text, and go on.
    init(beginningWith prefix: String) {
        append(literal: prefix)
        append(.text)
    }

    private mutating func append(literal: String) {
        for byte in literal.utf8 { elements.append(Element(bytes: ByteSet([byte]), count: .once)) }
    }

    private mutating func append(_ kind: ColumnKind) {
        func add(_ bytes: String, _ count: Count) {
            elements.append(Element(bytes: ByteSet(bytes.utf8), count: count))
        }
        let digits = "0123456789"
        switch kind {
        case .integer:
            add("-", .optional)
            add(digits, .once)
            add(digits, .anyNumber)
        case .uuid:
            for (position, length) in [8, 4, 4, 4, 12].enumerated() {
                if position > 0 { add("-", .once) }
                for _ in 0..<length { add(digits + "abcdef", .once) }
            }
        case .boolean:  // true, false
            for letters in ["tf", "ra", "ul", "es"] { add(letters, .once) }
            add("e", .optional)
        case .number:  // 1.5e-07, NaN, -Infinity
            let letters = digits + "+-.eENaInfity"
            add(letters, .once)
            add(letters, .anyNumber)
        case .timestamp, .timestampWithZone:  // 0044-03-15T12:00:00+00:00 BC, infinity
            let letters = digits + "+-:.T BCinfty"
            add(letters, .once)
            add(letters, .anyNumber)
        case .text, .json:
            elements.append(Element(bytes: .all, count: .once))
            elements.append(Element(bytes: .all, count: .anyNumber))
        }
    }

    /// The shortest key that both can make; nil if there is none.
    ///
    /// Walks through both patterns at once. A state is a place in each; the way to both ends is the key. To step over
    /// something that may be left out costs nothing, so that such steps are done before those that add a byte.
    func commonKey(with other: KeyPattern) -> String? {
        let width = other.elements.count + 1
        let end = (elements.count + 1) * width - 1
        var ways: [Int: Way] = [0: Way(length: 0, from: 0, byte: nil)]
        var near = [0]
        var far: [Int] = []
        while true {
            guard let state = near.popLast() else {
                if far.isEmpty { return nil }
                swap(&near, &far)
                continue
            }
            let length = ways[state]?.length ?? 0
            if state == end { return Self.key(endingIn: end, ways) }
            func visit(_ next: Int, _ byte: UInt8?) {
                let way = Way(length: length + (byte == nil ? 0 : 1), from: state, byte: byte)
                if let known = ways[next], known.length <= way.length { return }
                ways[next] = way
                if byte == nil { near.append(next) } else { far.append(next) }
            }
            let (mine, theirs) = (state / width, state % width)
            let left = elements.indices.contains(mine) ? elements[mine] : nil
            let right = other.elements.indices.contains(theirs) ? other.elements[theirs] : nil
            if let left, left.count != .once { visit(state + width, nil) }
            if let right, right.count != .once { visit(state + 1, nil) }
            guard let left, let right, let byte = left.bytes.intersection(right.bytes).example else { continue }
            let nextMine = left.count == .anyNumber ? mine : mine + 1
            let nextTheirs = right.count == .anyNumber ? theirs : theirs + 1
            visit(nextMine * width + nextTheirs, byte)
        }
    }

    /// How a state was reached.
    private struct Way {
        /// The length of the key so far.
        let length: Int
        let from: Int
        /// The byte that the step adds to the key; nil for a step that adds nothing.
        let byte: UInt8?
    }

    private static func key(endingIn end: Int, _ ways: [Int: Way]) -> String {
        var bytes: [UInt8] = []
        var state = end
        while state != 0, let way = ways[state] {
            if let byte = way.byte { bytes.append(byte) }
            state = way.from
        }
        return TextLayout.printable(bytes.reversed())
    }
}

/// Some of the 256 bytes.
struct ByteSet: Hashable, Sendable {
    private var words: SIMD4<UInt64> = .zero

    static let all = ByteSet(0...255)

    init(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
    }

    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] & (1 << UInt64(byte & 63)) != 0 }

    func intersection(_ other: ByteSet) -> ByteSet {
        var result = self
        result.words = words & other.words
        return result
    }

    /// One of them, that looks like something people would write if there is such a one; nil if the set is empty.
    var example: UInt8? {
        if let plain = "1ax:-".utf8.first(where: contains) { return plain }
        return (33...126).first(where: contains) ?? (0...255).first(where: contains)
    }
}
