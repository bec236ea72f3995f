/// A name as SQL writes it whatever it holds: in quotation marks, those within it doubled.
///
/// Byte by byte, because a quotation mark and the combining mark behind it are one `Character`, which equals no
/// quotation mark.
///
/// - Parameter name: the name of a table or column; PostgreSQL knows none that is empty or holds a NUL.
public func quotedName(_ name: String) -> String {
    let mark = UInt8(ascii: "\"")
    var text = [mark]
    for byte in name.utf8 {
        if byte == mark { text.append(mark) }
        text.append(byte)
    }
    text.append(mark)
    return String(decoding: text, as: UTF8.self)
}
