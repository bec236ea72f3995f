package import RedisClient

/// A script with what it is called with.
package struct ScriptCall: Sendable {
    let script: RedisScript
    let keys: [String]
    let arguments: [String]

    package init(script: RedisScript, keys: [String], arguments: [String]) {
        self.script = script
        self.keys = keys
        self.arguments = arguments
    }
}

/// The scripts of the election, each with what they have in common before it.
package enum ElectionScript {
    package static let acquire = script("acquire", PackageResources.acquire_lua)
    package static let renew = script("renew", PackageResources.renew_lua)
    package static let resign = script("resign", PackageResources.resign_lua)
    package static let present = script("present", PackageResources.present_lua)
    package static let lost = script("lost", PackageResources.lost_lua)
    package static let statistics = script("statistics", PackageResources.statistics_lua)
    package static let request = script("request", PackageResources.request_lua)
    package static let confirm = script("confirm", PackageResources.confirm_lua)
    package static let clear = script("clear", PackageResources.clear_lua)
    static let cleared = script("cleared", PackageResources.cleared_lua)
    package static let trial = script("try", PackageResources.try_lua)
    static let sync = script("sync", PackageResources.sync_lua)
    static let raise = script("raise", PackageResources.raise_lua)

    private static func script(_ name: String, _ source: [UInt8]) -> RedisScript {
        RedisScript(name: name, source: String(decoding: PackageResources.lease_lua + source, as: UTF8.self))
    }
}

extension RedisClient {
    package func run(_ call: ScriptCall, timeout: Duration? = nil) async throws(RedisError) -> RedisValue {
        try await evaluate(call.script, keys: call.keys, arguments: call.arguments, timeout: timeout)
    }
}

extension RedisConnection {
    package func run(_ call: ScriptCall, timeout: Duration? = nil) async throws(RedisError) -> RedisValue {
        try await evaluate(call.script, keys: call.keys, arguments: call.arguments, timeout: timeout)
    }
}

/// An answer of our scripts: a word and what belongs to it, all text.
package struct ScriptAnswer: Hashable, Sendable {
    package let word: String
    package let fields: [String]

    /// - Throws: ``LeaseError`` if it is no array of texts, which no version of the scripts answers.
    package init(_ value: RedisValue) throws(LeaseError) {
        let texts = value.array?.map(\.string) ?? []
        guard let first = texts.first, let word = first else { throw .unexpectedAnswer("\(value)") }
        self.word = word
        fields = texts.dropFirst().map { $0 ?? "" }
    }

    /// - Throws: ``LeaseError`` if there is no such field.
    package func field(_ index: Int) throws(LeaseError) -> String {
        guard fields.indices.contains(index) else { throw .unexpectedAnswer("\(word) \(fields)") }
        return fields[index]
    }

    /// A field that counts milliseconds; none if it is empty.
    package func milliseconds(_ index: Int) throws(LeaseError) -> Duration {
        let text = try field(index)
        guard let count = text.isEmpty ? 0 : Int64(text) else { throw .unexpectedAnswer("\(word) \(fields)") }
        return .milliseconds(count)
    }
}
