internal import Formatting

/// Where to listen for connections.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// An address or a name; an IPv6 address without its brackets.
    package var host: String
    /// 0 is any that is free.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension ListenAddress {
    /// - Parameter text: `host:port`, with the host of IPv6 in brackets.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let port = String(text[text.index(after: colon)...])
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
        if isBracketed { host = host.dropFirst().dropLast() }
        let isHost = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."):
                true
            case UInt8(ascii: "-"), UInt8(ascii: "_"): !isBracketed
            case UInt8(ascii: ":"), UInt8(ascii: "%"): isBracketed
            default: false
            }
        }
        guard !host.isEmpty, isHost, !isBracketed || host.contains(":"), port.isPlainNumber,
            let number = UInt16(port)
        else { return nil }
        self.init(host: String(host), port: Int(number))
    }
}

extension SettingFormat<ListenAddress?> {
    /// An address to listen on; empty text is none.
    static let listenAddress = Self(example: "0.0.0.0:8080") { text throws(SettingRefusal) in
        guard !text.isEmpty else { return nil }
        guard let address = ListenAddress(text) else {
            throw SettingRefusal(
                "\(text.quoted) is not an address to listen on",
                remedy: "Write host and port, such as `0.0.0.0:8080` or `[::]:8080`, or \"\" for none")
        }
        return address
    }
}
