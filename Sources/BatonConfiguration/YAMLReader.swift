internal import CLibyaml

/// One step through a YAML text, with the place where it starts.
struct YAMLEvent {
    enum Kind {
        case documentStart
        case documentEnd
        /// The end of the text: nothing follows it.
        case streamEnd
        /// A value. It is plain if it stands without quotes and is no block of text.
        case scalar(String, tag: String?, isPlain: Bool)
        /// The node with the anchor of this name, once more.
        case alias(String)
        case sequenceStart
        case sequenceEnd
        case mappingStart
        case mappingEnd
    }

    let kind: Kind
    /// The name under which aliases find it.
    let anchor: String?
    let place: YAMLPlace
}

/// A place in a YAML text. Both numbers count from 1; columns are Unicode scalars.
struct YAMLPlace {
    let line: Int
    let column: Int
}

/// Takes a YAML text apart into events, from its start to its end. The only file that knows libyaml.
struct YAMLReader: ~Copyable {
    /// What is wrong with the text, and where. No part of the text is in it, which may hold a password.
    struct Problem: Error {
        let place: YAMLPlace
        let words: String
    }

    // libyaml keeps pointers to both.
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    /// Never empty: a byte that is not read ends it.
    private let text: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) {
        let bytes = Array(text.utf8) + [0]
        self.text = .allocate(capacity: bytes.count)
        _ = self.text.initialize(fromContentsOf: bytes)
        // It fails only without memory, which ends Swift programs anyway.
        precondition(yaml_parser_initialize(parser) == 1, "no memory for a YAML parser")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, self.text.baseAddress, self.text.count - 1)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        text.deallocate()
    }

    /// The next event. Not to be called after `streamEnd` or an error.
    mutating func next() throws(Problem) -> YAMLEvent {
        var event = yaml_event_t()
        while true {
            guard yaml_parser_parse(parser, &event) == 1 else { throw problem() }
            defer { yaml_event_delete(&event) }
            guard event.type != YAML_STREAM_START_EVENT else { continue }
            let (kind, anchor) = Self.content(of: event)
            return YAMLEvent(kind: kind, anchor: anchor.map(Self.string), place: Self.place(event.start_mark))
        }
    }

    private static func content(of event: yaml_event_t) -> (YAMLEvent.Kind, anchor: UnsafeMutablePointer<UInt8>?) {
        switch event.type {
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, nil)
        case YAML_DOCUMENT_END_EVENT: return (.documentEnd, nil)
        case YAML_ALIAS_EVENT: return (.alias(string(event.data.alias.anchor)), nil)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            return (.scalar(text, tag: scalar.tag.map(string), isPlain: isPlain), scalar.anchor)
        case YAML_SEQUENCE_START_EVENT: return (.sequenceStart, event.data.sequence_start.anchor)
        case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, nil)
        case YAML_MAPPING_START_EVENT: return (.mappingStart, event.data.mapping_start.anchor)
        case YAML_MAPPING_END_EVENT: return (.mappingEnd, nil)
        default: return (.streamEnd, nil)
        }
    }

    private func problem() -> Problem {
        let parser = parser.pointee
        let words = [parser.context, parser.problem].compactMap { $0.map { String(cString: $0) } }
            .joined(separator: ", ")
        guard parser.error == YAML_READER_ERROR else {
            return Problem(place: Self.place(parser.problem_mark), words: words)
        }
        // A character that YAML does not allow. Where it stands is known in bytes.
        let before = String(decoding: text.prefix(parser.problem_offset), as: UTF8.self)
        let lines = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return Problem(
            place: YAMLPlace(line: lines.count, column: (lines.last?.unicodeScalars.count ?? 0) + 1), words: words)
    }

    private static func place(_ mark: yaml_mark_t) -> YAMLPlace {
        YAMLPlace(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private static func string(_ bytes: UnsafeMutablePointer<UInt8>) -> String { String(cString: bytes) }
}
