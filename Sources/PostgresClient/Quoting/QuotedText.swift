/// A text as SQL writes it whatever it holds, and whatever `standard_conforming_strings` says: in apostrophes, those
/// within it doubled; where there are backslashes, they are doubled too and an `E` says so.
///
/// Byte by byte, because an apostrophe and the combining mark behind it are one `Character`, which equals no
/// apostrophe. Parameters (`$1`) are better, wherever a statement can have some.
///
/// - Parameter text: without NUL, which PostgreSQL's texts cannot hold.
public func quotedText(_ text: String) -> String {
    let (mark, backslash) = (UInt8(ascii: "'"), UInt8(ascii: "\\"))
    var quoted = text.utf8.contains(backslash) ? Array(" E'".utf8) : [mark]
    for byte in text.utf8 {
        if byte == mark || byte == backslash { quoted.append(byte) }
        quoted.append(byte)
    }
    quoted.append(mark)
    return String(decoding: quoted, as: UTF8.self)
}
