#if DEBUG || BATON_FUZZING
    @testable internal import BatonConfiguration
    internal import RedisClient

    /// A password is hidden whatever it holds, and no text for a URL makes a reader trap or repeat a secret.
    func fuzzURLs(_ input: [UInt8]) throws(FuzzFault) {
        let text = String(decoding: input, as: UTF8.self)
        _ = Redaction.url(text)
        _ = Redaction.postgres(text)
        _ = try? RedisURL(text)
        _ = try? RedisURL("redis://\(text)")

        // What follows may be hidden too, where a `?` in the password begins what looks like a secret parameter.
        try expect("redis://u:***@h/0", or: ["redis://u:***"], Redaction.url("redis://u:\(text)@h/0"))
        try expect(
            "postgresql://u:***@h/d?sslmode=verify-full",
            or: ["postgresql://u:***", "postgresql://u:***@h/d?sslmode=***"],
            Redaction.postgres("postgresql://u:\(text)@h/d?sslmode=verify-full"))
        // As libpq reads it.
        var quoted = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { quoted.append("\\") }
            quoted.append(scalar)
        }
        let keywords = "host=h password='\(String(quoted))' user=u"
        try expect("host=h password=*** user=u", Redaction.postgres(keywords))
    }

    private func expect(_ expected: String, or others: [String] = [], _ found: String) throws(FuzzFault) {
        let allowed = [expected] + others
        guard allowed.contains(where: { found.utf8.elementsEqual($0.utf8) }) else {
            throw FuzzFault("\(found), not \(expected)")
        }
    }
#endif
