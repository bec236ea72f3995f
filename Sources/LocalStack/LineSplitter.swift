/// Cuts a stream of bytes into lines of text at `\n`.
struct LineSplitter {
    /// Longer lines are cut, so that output without line ends takes no memory without bound.
    static let longest = 1 << 20

    private var rest: [UInt8] = []

    /// Hands every line that `bytes` complete to `deliver`, without the line end.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ deliver: (String) -> Void) {
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if rest.isEmpty {
                deliver(String(decoding: bytes[start..<end], as: UTF8.self))
            } else {
                rest.append(contentsOf: bytes[start..<end])
                finish(deliver)
            }
            start = end + 1
        }
        rest.append(contentsOf: bytes[start...])
        if rest.count >= Self.longest { finish(deliver) }
    }

    /// Hands over what came after the last line end, if anything.
    mutating func finish(_ deliver: (String) -> Void) {
        guard !rest.isEmpty else { return }
        deliver(String(decoding: rest, as: UTF8.self))
        rest.removeAll(keepingCapacity: true)
    }
}
