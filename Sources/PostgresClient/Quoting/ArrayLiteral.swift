/// A one-dimensional array as PostgreSQL's array types read it: each element in quotation marks, with a backslash
/// before quotation marks and backslashes.
///
/// Byte by byte, because a quotation mark and the combining mark behind it are one `Character`, which equals no
/// quotation mark.
///
/// - Parameter elements: their texts; none is NULL, none may hold a NUL character.
public func arrayLiteral(_ elements: some Sequence<String>) -> String {
    let (mark, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
    var text = [UInt8(ascii: "{")]
    for element in elements {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        text.append(mark)
        for byte in element.utf8 {
            if byte == mark || byte == backslash { text.append(backslash) }
            text.append(byte)
        }
        text.append(mark)
    }
    text.append(UInt8(ascii: "}"))
    return String(decoding: text, as: UTF8.self)
}
