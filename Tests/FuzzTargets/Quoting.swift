#if DEBUG || BATON_FUZZING
    internal import PostgresClient

    /// What is quoted is read back as it was, by the rules of PostgreSQL's own readers.
    func fuzzQuoting(_ input: [UInt8]) throws(FuzzFault) {
        let texts = input.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        for text in texts {
            try expect(text, read(quotedName(text), between: UInt8(ascii: "\""), escapes: false))
            let literal = quotedText(text)
            let escapes = literal.utf8.contains(UInt8(ascii: "\\"))
            let body =
                escapes ? String(decoding: literal.utf8.drop { $0 != UInt8(ascii: "'") }, as: UTF8.self) : literal
            try expect(text, read(body, between: UInt8(ascii: "'"), escapes: escapes))
        }
        guard let found = elements(of: arrayLiteral(texts)), found.count == texts.count,
            zip(found, texts).allSatisfy({ $0.elementsEqual($1.utf8) })
        else { throw FuzzFault("the array is read back otherwise") }
    }

    private func expect(_ text: String, _ found: [UInt8]?) throws(FuzzFault) {
        guard let found, found.elementsEqual(text.utf8) else { throw FuzzFault("\(text) is read back otherwise") }
    }

    /// What stands between the first mark and the one that ends it; nil if that is not the end of the text.
    private func read(_ quoted: String, between mark: UInt8, escapes: Bool) -> [UInt8]? {
        var rest = Array(quoted.utf8)[...]
        guard rest.popFirst() == mark else { return nil }
        var text: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == mark {
                guard rest.first == mark else { return rest.isEmpty ? text : nil }
                rest.removeFirst()
            } else if escapes, byte == UInt8(ascii: "\\") {
                // Only a doubled one stands for itself.
                guard rest.popFirst() == byte else { return nil }
            }
            text.append(byte)
        }
        return nil
    }

    /// The elements of an array in which each is quoted; nil if it is none.
    private func elements(of literal: String) -> [[UInt8]]? {
        var rest = Array(literal.utf8)[...]
        guard rest.popFirst() == UInt8(ascii: "{"), rest.popLast() == UInt8(ascii: "}") else { return nil }
        var elements: [[UInt8]] = []
        while !rest.isEmpty {
            if !elements.isEmpty { guard rest.popFirst() == UInt8(ascii: ",") else { return nil } }
            guard rest.popFirst() == UInt8(ascii: "\"") else { return nil }
            var element: [UInt8] = []
            while true {
                guard let byte = rest.popFirst() else { return nil }
                if byte == UInt8(ascii: "\"") { break }
                if byte == UInt8(ascii: "\\") {
                    guard let escaped = rest.popFirst() else { return nil }
                    element.append(escaped)
                } else {
                    element.append(byte)
                }
            }
            elements.append(element)
        }
        return elements
    }
#endif
