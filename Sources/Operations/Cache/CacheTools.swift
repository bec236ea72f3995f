package import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import GroupState
internal import RedisClient

/// Looks at the cached keys of one or several Redises, clears them, and keeps copies of them: what support and on-call
/// people reach for. It needs no lease, and works while no replica runs.
///
/// What is cleared or put back and belongs to a dataset that Baton refreshes is noted for its leader, who writes it
/// anew.
package struct CacheTools: Sendable {
    /// One Redis and what is known of its keys.
    struct Place: Sendable {
        /// The server's name in the configuration; empty without one.
        let name: String
        let settings: RedisConfiguration
        let families: [CacheFamily]
        /// The datasets that a leader may keep there, with the forms of their keys.
        var kept: [(dataset: String, form: KeyForm)] = []

        var description: String { "\(settings.url)" }
    }

    let places: [Place]
    let keys: GroupKeys
    /// The prefix before the keys of families, and before the group's own.
    let prefix: String
    /// The place whose events tell what was cleared; nil if it is not among the places.
    let lease: RedisConfiguration
    /// The configuration; nil without one: only the leader knows then which datasets there are.
    let configuration: Configuration?

    /// The tools for the servers of a configuration.
    ///
    /// - Parameters:
    ///   - server: the name of the only Redis to look at; nil for all that hold keys of families.
    ///   - database: instead of the one in the configuration.
    /// - Throws: ``InspectionError`` if there is no such server.
    package init(_ configuration: Configuration, server: String?, database: Int?) throws(InspectionError) {
        if let server, configuration.redis[server] == nil {
            throw InspectionError(
                .usage,
                "There is no redis \(server.quoted) in the configuration. "
                    + Wording.sentence(for: server, among: configuration.redis.keys.sorted()))
        }
        self.configuration = configuration
        prefix = configuration.keyPrefix
        keys = GroupKeys(configuration)
        lease = Self.patient(
            configuration.redis[configuration.lease.redis]!.clientConfiguration(name: "baton-cache"), nil)
        let used = Set(configuration.datasets.map(\.redis) + configuration.families.map(\.redis))
        let names = server.map { [$0] } ?? configuration.redis.keys.filter { used.contains($0) }.sorted()
        places = (names.isEmpty ? [configuration.lease.redis] : names).map { name in
            let settings = Self.patient(configuration.redis[name]!.clientConfiguration(name: "baton-cache"), database)
            return Place(
                name: name, settings: settings, families: CacheFamily.all(of: configuration, redis: name),
                kept: CacheFamily.kept(by: configuration, at: settings.url))
        }
    }

    /// The tools for a Redis of which nothing else is known: only go-zero's families have names.
    ///
    /// - Parameters:
    ///   - redis: its URL; else it is at the host and port, by default 127.0.0.1 and 6379.
    ///   - database: instead of the one in the URL.
    ///   - password: the password, where the URL has none.
    ///   - passwordFile: holds one that goes before both.
    ///   - prefix: goes before each key.
    ///   - group: the group that may refresh keys there.
    /// - Throws: ``InspectionError`` for a text that is no URL, or a file that can't be read.
    package init(
        redis: String?, host: String? = nil, port: Int? = nil, database: Int? = nil, username: String? = nil,
        password: String? = nil, passwordFile: String? = nil, prefix: String = "", group: String = "default"
    ) throws(InspectionError) {
        configuration = nil
        self.prefix = prefix
        keys = GroupKeys(prefix: prefix, group: group)
        let url = try Self.url(redis, host, port)
        var password = url.password == nil ? password : nil
        if let passwordFile { password = try Self.password(in: passwordFile) }
        let settings = Self.patient(
            RedisConfiguration(
                url: url, username: username, password: password, clientName: "baton-cache"), database)
        lease = settings
        places = [Place(name: "", settings: settings, families: CacheFamily.shipped(prefix: prefix))]
    }

    private static func url(_ text: String?, _ host: String?, _ port: Int?) throws(InspectionError) -> RedisURL {
        guard let text else { return RedisURL(address: .tcp(host: host ?? "127.0.0.1", port: port ?? 6379)) }
        do throws(RedisURLError) {
            return try RedisURL(text)
        } catch {
            throw InspectionError(.usage, "--redis is not a Redis URL: \(error.message)")
        }
    }

    private static func password(in path: String) throws(InspectionError) -> String {
        do throws(SettingRefusal) {
            let text = try SmallFile.text(path, limit: 64 << 10)
            return text.hasSuffix("\n") ? String(text.dropLast()) : text
        } catch {
            throw InspectionError(.configuration, "\(path) \(error.problem). \(error.remedy).")
        }
    }

    /// A person can wait longer than a leader.
    private static func patient(_ settings: RedisConfiguration, _ database: Int?) -> RedisConfiguration {
        var settings = settings
        settings.commandTimeout = .seconds(10)
        settings.connectTimeout = .seconds(5)
        settings.pipelineDepth = 4096
        if let database { settings.url.database = database }
        return settings
    }

    /// The families' names, each once.
    package var familyNames: [String] { places.flatMap(\.families).names }

    /// The families of the names that are given, or of their templates; all for no name.
    ///
    /// - Throws: ``InspectionError`` for a name that is none.
    func families(of place: Place, named names: [String]) throws(InspectionError) -> [CacheFamily] {
        let known = places.flatMap(\.families)
        for name in names where !known.contains(where: { $0.name == name || $0.form.text == name }) {
            guard !known.isEmpty else { throw InspectionError(.usage, "No family of keys is known here.") }
            throw InspectionError(
                .usage,
                "There is no family \(name.quoted). " + Wording.sentence(for: name, among: known.names))
        }
        guard !names.isEmpty else { return place.families }
        return place.families.filter { names.contains($0.name) || names.contains($0.form.text) }
    }
}

extension RedisCommand {
    /// A command of a few words and keys.
    init(_ words: String..., keys: [[UInt8]]) {
        var segment = RedisArguments(words)
        for key in keys { segment.append(key) }
        self.init(segments: [segment])
    }
}
