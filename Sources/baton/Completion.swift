internal import ArgumentParser
internal import BatonConfiguration
internal import Operations

/// The words that a shell offers for names which only the configuration knows: the one that stands on the line, or the
/// usual one. Where it can't be read, nothing is offered; saying why is for the command itself.
enum Completion {
    static let dataset = names { $0.datasetNames }
    static let server = names { $0.redis.keys.sorted() }
    static let family = CompletionKind.custom { words, _, _ in
        let namesServer = words.contains { word in ["--redis", "--host", "--port"].contains { word.hasPrefix($0) } }
        let tools =
            namesServer
            ? try? CacheTools(redis: nil)
            : try? CacheTools(try load(words), server: value(of: "--server", in: words), database: nil)
        return tools?.familyNames ?? []
    }
    static let configurationFile = CompletionKind.file(extensions: ["yaml", "yml"])

    private static func names(_ of: @escaping @Sendable (Configuration) -> [String]) -> CompletionKind {
        .custom { words, _, _ in (try? load(words)).map(of) ?? [] }
    }

    private static func load(_ words: [String]) throws -> Configuration {
        var path = value(of: "--config", in: words) ?? ConfigurationOptions.usualPath
        if path.hasPrefix("~/") { path = (Environment.variables["HOME"] ?? "~") + path.dropFirst() }
        return try Configuration.load(path: path, environment: Environment.variables)
    }

    /// What stands behind an option: `--config x`, `--config=x`, or `--config = x`, as bash takes that apart.
    private static func value(of option: String, in words: [String]) -> String? {
        if let joined = words.last(where: { $0.hasPrefix(option + "=") }) {
            return String(joined.dropFirst(option.count + 1))
        }
        return words.lastIndex(of: option).flatMap { index in words.dropFirst(index + 1).first { $0 != "=" } }
    }
}
