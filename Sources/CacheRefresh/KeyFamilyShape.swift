/// A key template bound to the columns of a dataset: makes keys of rows, and tells which keys it could have made.
struct KeyFamilyShape: Hashable, Sendable {
    enum Part: Hashable, Sendable {
        case literal([UInt8])
        /// A place in the line.
        case column(Int, ColumnKind)
    }

    /// The source of a value.
    enum Value: Hashable, Sendable {
        case row
        /// A place in the line.
        case column(Int)
    }

    /// Why a row has no key of a family.
    enum Absence: Hashable, Sendable {
        /// A column is NULL.
        case null
        /// A column is the empty text, which would make one key of many rows.
        case empty
    }

    let parts: [Part]
    let value: Value
    /// Whether identity and key determine one another, so that neither key nor owner needs to be remembered.
    let isDerived: Bool

    /// - Parameters:
    ///   - parts: the key prefix included; literals that follow one another are joined by the caller.
    ///   - identityCount: the first so many places of a line are the identity.
    init(parts: [Part], value: Value, identityCount: Int) {
        self.parts = parts
        self.value = value
        self.isDerived = Self.isInvertible(parts, identityCount: identityCount)
    }

    /// Appends the key of a row; on an absence nothing is to be used of what was appended.
    ///
    /// A derived family may be handed the fields of an identity instead of those of a whole line.
    func appendKey(
        _ line: UnsafeRawBufferPointer, _ fields: [Range<Int>], to output: inout [UInt8]
    ) -> Absence? {
        for part in parts {
            switch part {
            case .literal(let text):
                output.append(contentsOf: text)
            case .column(let place, let kind):
                let field = line.part(fields[place])
                if field.isEmpty { return .empty }
                if CopyText.isNull(field) { return .null }
                RowEncoder.appendPlain(field, kind, to: &output)
            }
        }
        return nil
    }

    /// How each key begins; empty if it begins with a column.
    var beginning: [UInt8] { if case .literal(let text)? = parts.first { text } else { [] } }

    /// The pattern for `SCAN … MATCH` that finds all keys of the family, and perhaps others.
    var pattern: [UInt8] {
        var pattern: [UInt8] = []
        for part in parts {
            switch part {
            case .column: ScanPattern.appendAnything(to: &pattern)
            case .literal(let text): ScanPattern.appendLiteral(text, to: &pattern)
            }
        }
        return pattern
    }

    /// Takes a key apart: the text for each place of the line that the template names, nil if the family can't have
    /// made the key, or if it is not certain.
    ///
    /// Numbers and uuids must have their canonical form, and text never spans a separator: `merchant:a:b` is not taken
    /// for a key of `merchant:{code}`. Such a key is left alone when keys without rows are looked for.
    func parse(_ key: [UInt8]) -> [(place: Int, text: ArraySlice<UInt8>)]? {
        var found: [(place: Int, text: ArraySlice<UInt8>)] = []
        var rest = key[...]
        for (position, part) in parts.enumerated() {
            switch part {
            case .literal(let text):
                guard rest.starts(with: text) else { return nil }
                rest = rest.dropFirst(text.count)
            case .column(let place, let kind):
                let text = rest.prefix(upTo: columnEnd(in: rest, after: position))
                guard isCanonical(text, kind) else { return nil }
                if let earlier = found.first(where: { $0.place == place }) {
                    guard earlier.text.elementsEqual(text) else { return nil }
                } else {
                    found.append((place, text))
                }
                rest = rest[text.endIndex...]
            }
        }
        return rest.isEmpty ? found : nil
    }

    /// The identity that a key of a derived family was made from, in the `COPY` format.
    func identity(ofKey key: [UInt8], identityCount: Int) -> [UInt8]? {
        guard isDerived, let found = parse(key) else { return nil }
        var identity: [UInt8] = []
        for place in 0..<identityCount {
            guard let field = found.first(where: { $0.place == place }) else { return nil }
            if place > 0 { identity.append(CopyText.tab) }
            appendAsRead(field.text, kind(at: place), to: &identity)
        }
        return identity
    }

    private func kind(at wanted: Int) -> ColumnKind {
        for case .column(let place, let kind) in parts where place == wanted { return kind }
        preconditionFailure("the place was found by parsing these parts")
    }

    /// Undoes what a key does to a value's text.
    private func appendAsRead(_ text: ArraySlice<UInt8>, _ kind: ColumnKind, to output: inout [UInt8]) {
        switch kind {
        case .integer, .number, .uuid: output.append(contentsOf: text)
        case .boolean: output.append(text.first ?? UInt8(ascii: "f"))
        case .text, .json: CopyText.appendEscaped(text, to: &output)
        case .timestamp, .timestampWithZone:
            // Only a key that has no ":" in a time gets here, so there is no time: "infinity".
            CopyText.appendEscaped(text, to: &output)
        }
    }

    private func columnEnd(in rest: ArraySlice<UInt8>, after position: Int) -> Int {
        guard position + 1 < parts.count, case .literal(let next) = parts[position + 1] else { return rest.endIndex }
        var start = rest.startIndex
        while start + next.count <= rest.endIndex {
            if rest[start...].starts(with: next) { return start }
            start += 1
        }
        return rest.endIndex
    }

    private func isCanonical(_ text: ArraySlice<UInt8>, _ kind: ColumnKind) -> Bool {
        guard !text.isEmpty else { return false }
        switch kind {
        case .integer:
            let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
            guard let first = digits.first, digits.allSatisfy(Self.isDigit) else { return false }
            guard first != UInt8(ascii: "0") || text.count == 1 else { return false }
            return text.count < 19 || Int64(String(decoding: text, as: UTF8.self)) != nil
        case .uuid:
            return text.count == 36
                && text.enumerated().allSatisfy { offset, byte in
                    [8, 13, 18, 23].contains(offset)
                        ? byte == UInt8(ascii: "-") : Self.isDigit(byte) || (0x61...0x66).contains(byte)
                }
        case .boolean:
            return text.elementsEqual("true".utf8) || text.elementsEqual("false".utf8)
        case .timestamp, .timestampWithZone:
            // All other times have a ":" in them, which nobody can tell from a separator.
            return text.elementsEqual("infinity".utf8) || text.elementsEqual("-infinity".utf8)
        case .number:
            return Self.isNumber(text) && isUnambiguous(text)
        case .text, .json:
            return isUnambiguous(text)
        }
    }

    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
        if digits.elementsEqual("Infinity".utf8) || text.elementsEqual("NaN".utf8) { return true }
        guard let first = digits.first, let last = digits.last, isDigit(first), isDigit(last) else { return false }
        return digits.allSatisfy { isDigit($0) || ".e+-".utf8.contains($0) }
    }

    /// Whether no part of a text could be a separator.
    private func isUnambiguous(_ text: ArraySlice<UInt8>) -> Bool {
        !text.contains(UInt8(ascii: ":"))
            && parts.allSatisfy { part in
                switch part {
                case .column: true
                case .literal(let literal): !text.contains(sequence: literal)
                }
            }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// Whether a key can be taken apart in one way only, and names every column of the identity and no other.
    ///
    /// True where at most one column is free text and the columns of fixed form (integers, uuids) do not touch a
    /// literal that could be mistaken for a part of them.
    private static func isInvertible(_ parts: [Part], identityCount: Int) -> Bool {
        var places: Set<Int> = []
        var freeTexts = 0
        for (position, part) in parts.enumerated() {
            guard case .column(let place, let kind) = part else { continue }
            places.insert(place)
            guard kind == .integer || kind == .uuid else {
                freeTexts += 1
                continue
            }
            let neighbours = [
                position > 0 ? parts[position - 1].lastByte : nil,
                position + 1 < parts.count ? parts[position + 1].firstByte : nil,
            ]
            for case let byte? in neighbours {
                if isDigit(byte) || (0x61...0x66).contains(byte) && kind == .uuid || byte == UInt8(ascii: "-") {
                    return false
                }
            }
        }
        return freeTexts <= 1 && places == Set(0..<identityCount)
    }
}

extension KeyFamilyShape.Part {
    fileprivate var firstByte: UInt8? {
        switch self {
        case .literal(let text): text.first
        case .column: nil
        }
    }

    fileprivate var lastByte: UInt8? {
        switch self {
        case .literal(let text): text.last
        case .column: nil
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func contains(sequence wanted: [UInt8]) -> Bool {
        indices.contains { self[$0...].starts(with: wanted) }
    }
}
