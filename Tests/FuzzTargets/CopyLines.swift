#if DEBUG || BATON_FUZZING
    @testable internal import CacheRefresh
    internal import Foundation

    /// A row of any texts becomes a JSON object that holds them, and no line makes the encoder trap.
    func fuzzCopyLines(_ input: [UInt8]) throws(FuzzFault) {
        var input = InputBytes(input)
        let columns = (0...input.next() % 4).map { place in
            Column(name: "c\(place)\"\\\u{301}", kind: .text)
        }
        let any = input.remaining
        let texts = any.split(separator: 0, maxSplits: columns.count - 1, omittingEmptySubsequences: false)
            // PostgreSQL's texts hold no NUL, and Foundation's reader leaves U+FEFF out.
            .map { String(decoding: $0, as: UTF8.self).unicodeScalars.filter { $0 != "\0" && $0 != "\u{FEFF}" } }
            .map { String(String.UnicodeScalarView($0)) }
        guard texts.count == columns.count else { return }
        // A text NULL stands for NULL.
        let fields = texts.map { $0 == "NULL" ? Array("\\N".utf8) : escaped($0) }
        let json = encoded(Array(fields.joined(separator: [CopyText.tab])), columns)
        guard let object = (try? JSONSerialization.jsonObject(with: Data(json))) as? [String: Any] else {
            throw FuzzFault("this is no JSON object: \(String(decoding: json, as: UTF8.self))")
        }
        guard object.count == columns.count else { throw FuzzFault("\(object.count) members of \(columns.count)") }
        for (column, text) in zip(columns, texts) {
            let isRight =
                text == "NULL"
                ? object[column.name] is NSNull
                : (object[column.name] as? String)?.utf8.elementsEqual(text.utf8) == true
            guard isRight else { throw FuzzFault("\(column.name) is \(object[column.name] ?? "missing"), not \(text)") }
        }
        // PostgreSQL sends no such line; what comes of it is not our business.
        let kinds: [ColumnKind] = [.integer, .number, .boolean, .timestamp, .timestampWithZone, .json]
        _ = encoded(any.filter { $0 != CopyText.newline }, kinds.map { Column(name: "c", kind: $0) })
    }

    /// The object that a line becomes; nothing if it has too few fields.
    private func encoded(_ line: [UInt8], _ columns: [Column]) -> [UInt8] {
        var fields: [Range<Int>] = []
        var json: [UInt8] = []
        line.withUnsafeBytes { line in
            CopyText.split(line, into: &fields)
            guard fields.count >= columns.count else { return }
            RowEncoder(columns: columns, order: Array(columns.indices)).appendObject(line, fields, to: &json)
        }
        return json
    }

    /// As PostgreSQL writes a text.
    private func escaped(_ text: String) -> [UInt8] {
        text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case 0x08: Array("\\b".utf8)
            case 0x0C: Array("\\f".utf8)
            case 0x0A: Array("\\n".utf8)
            case 0x0D: Array("\\r".utf8)
            case 0x09: Array("\\t".utf8)
            case 0x0B: Array("\\v".utf8)
            case CopyText.backslash: [byte, byte]
            default: [byte]
            }
        }
    }
#endif
