internal import CLibpq
internal import Glibc

/// The keywords and values that libpq is given, read from a configuration.
struct ConnectionOptions {
    private(set) var values: [String: String] = [:]

    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        guard !configuration.url.holdsNUL else { throw .unreadableURL(because: "it holds a NUL character") }
        var complaint: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(configuration.url, &complaint) else {
            defer { PQfreemem(complaint) }
            throw .unreadableURL(because: complaint.flatMap { Self.harmless(String(cString: $0)) })
        }
        defer { PQconninfoFree(parsed) }
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }

        if let password = configuration.password { values["password"] = password }
        if let name = configuration.applicationName { values["application_name"] = name }
        values["client_encoding"] = "UTF8"
        // A peer that vanished without a word would otherwise go unnoticed for two hours.
        for (keyword, seconds) in [("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3")]
        where values[keyword] == nil {
            values[keyword] = seconds
        }
        for (keyword, value) in values where value.holdsNUL {
            throw .usage("The connection parameter \(keyword) holds a NUL character, which PostgreSQL does not allow.")
        }
    }

    /// The host; empty if the URL names none; several with commas between, unless it is one of ``eachHost``.
    var host: String { values["host"] ?? values["hostaddr"] ?? "" }

    /// `host:port` as far as the URL says, for people; several with commas between.
    var place: String {
        eachHost.map { Self.place($0.host, port: $0.values["port"] ?? "") }.joined(separator: ",")
    }

    /// `host:port` for people: an IPv6 address stands in brackets, and a port that nobody named is left out.
    static func place(_ host: String, port: String) -> String {
        let host = host.utf8.contains(UInt8(ascii: ":")) && host.utf8.first != UInt8(ascii: "/") ? "[\(host)]" : host
        return port.isEmpty ? host : "\(host):\(port)"
    }

    /// `user@host:port/database` as far as the URL says, for people.
    var endpoint: String {
        let user = values["user"].map { "\($0)@" } ?? ""
        let database = values["dbname"].map { "/\($0)" } ?? ""
        return "postgresql://\(user)\(place)\(database)"
    }

    /// What libpq is given in turn: one host of the URL after the other, or all at once where it chooses among them in
    /// a way that looks at all (`prefer-standby`, a random order).
    var hostByHost: [ConnectionOptions] {
        let choosesAmongAll =
            values["target_session_attrs"] == "prefer-standby" || values["load_balance_hosts"] == "random"
        return choosesAmongAll ? [self] : eachHost
    }

    /// The same for each host of the URL alone, in their order. Lists that don't fit together stay: libpq then says so.
    var eachHost: [ConnectionOptions] {
        func list(_ keyword: String) -> [String]? {
            values[keyword].map { text in
                text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
                    .map { String(decoding: $0, as: UTF8.self) }
            }
        }
        let lists = ["host", "hostaddr", "port"].compactMap { keyword in list(keyword).map { (keyword, $0) } }
        let count = lists.filter { $0.0 != "port" }.map(\.1.count).max() ?? 1
        let fits = lists.allSatisfy { $0.1.count == count || $0.0 == "port" && $0.1.count == 1 }
        guard count > 1, fits else { return [self] }
        return (0..<count).map { place in
            var one = self
            for (keyword, list) in lists { one.values[keyword] = list.count == 1 ? list[0] : list[place] }
            return one
        }
    }

    /// Parameters that libpq looks at only when it is connected, or never, as it is used here.
    static let numbers: Set<String> = [
        "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout",
    ]

    /// What libpq finds wrong with parameters when it begins to connect; nil if it would go on to ask a server. It gets
    /// a place where none can be.
    var complaint: String? {
        var nowhere = self
        for keyword in ["hostaddr", "port"] { nowhere.values[keyword] = nil }
        nowhere.values["host"] = "/dev/null/none"
        let started = nowhere.withParameters { keywords, values in PQconnectStartParams(keywords, values, 0) }
        guard let pointer = started else { return nil }
        defer { PQfinish(pointer) }
        let words = PostgresError.tidy(String(cString: PQerrorMessage(pointer)))
        return words.flatMap { $0.hasPrefix("invalid ") ? $0 : nil }
    }

    /// Calls `body` with the two parallel arrays that `PQconnectStartParams` takes.
    func withParameters<R>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> R
    ) -> R {
        let pairs = values.sorted { $0.key < $1.key }
        return withCStrings(pairs.map(\.key) + [nil]) { keywords in
            withCStrings(pairs.map(\.value) + [nil]) { values in body(keywords, values) }
        }
    }

    /// libpq quotes the whole URL, password included, in most of its complaints: only those that don't are passed on.
    private static func harmless(_ complaint: String) -> String? {
        let known = ["invalid URI query parameter:", "invalid connection option"]
        return known.contains(where: complaint.hasPrefix) ? String(complaint.prefix { !$0.isNewline }) : nil
    }
}

/// Calls `body` with an array of C strings in one piece of memory; a `nil` stays `nil`. No text may hold a NUL.
func withCStrings<R>(_ texts: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
    var storage: [UInt8] = []
    storage.reserveCapacity(texts.reduce(0) { $0 + ($1?.utf8.count ?? 0) + 1 })
    var offsets: [Int?] = []
    offsets.reserveCapacity(texts.count)
    for text in texts {
        guard let text else {
            offsets.append(nil)
            continue
        }
        offsets.append(storage.count)
        storage.append(contentsOf: text.utf8)
        storage.append(0)
    }
    return storage.withUnsafeBytes { bytes in
        let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        let pointers: [UnsafePointer<CChar>?] = offsets.map { offset in
            offset.flatMap { offset in start.map { $0 + offset } }
        }
        return pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else {
                // No texts at all: libpq reads none, but wants a pointer.
                var none: UnsafePointer<CChar>?
                return body(&none)
            }
            return body(base)
        }
    }
}

extension String {
    /// Whether C would take the text for a shorter one. Quick, because statements may be large.
    var holdsNUL: Bool {
        var text = self
        return text.withUTF8 { bytes in
            bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
        }
    }
}
