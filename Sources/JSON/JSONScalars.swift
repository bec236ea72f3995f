extension JSONValue {
    /// The members of a JSON object that hold a text, a number or a truth value, in their order: texts decoded, the others
    /// as they are written, so that `1.50` stays that.
    ///
    /// What is nested is only stepped over: it may be of any depth, and hold escapes that stand for no text, as values of
    /// PostgreSQL's type `json` do.
    ///
    /// - Returns: nil if the text is no object.
    package static func scalarMembers(of text: some Collection<UInt8>) -> [(name: String, text: String)]? {
        Array(text).withUnsafeBytes { text in
            var scanner = JSONScanner(text)
            var members: [(name: String, text: String)] = []
            guard scanner.take(UInt8(ascii: "{")) else { return nil }
            if !scanner.take(UInt8(ascii: "}")) {
                repeat {
                    guard let name = scanner.skipString(), scanner.take(UInt8(ascii: ":")),
                        let value = scanner.skipValue()
                    else { return nil }
                    if let name = string(text[name]), let text = scalar(text[value]) {
                        members.append((String(decoding: name, as: UTF8.self), text))
                    }
                } while scanner.take(UInt8(ascii: ","))
                guard scanner.take(UInt8(ascii: "}")) else { return nil }
            }
            return scanner.isAtEnd ? members : nil
        }
    }

    /// - Parameter value: without blanks around it.
    private static func scalar(_ value: Slice<UnsafeRawBufferPointer>) -> String? {
        switch value.first {
        case JSONScanner.quote: string(value.dropFirst().dropLast()).map { String(decoding: $0, as: UTF8.self) }
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "n"): nil
        default: String(decoding: value, as: UTF8.self)
        }
    }
}
