internal import ArgumentParser
internal import Daemon

/// What a shell offers for names that only the configuration knows: the one that stands on the line, or the usual one. Where it can't
/// be read, nothing is offered; saying why is for the command itself.
enum Completion {
    static let dataset = names { $0.datasetNames }
    static let server = names { $0.redis.keys.sorted() }
    static let family = CompletionKind.custom { words, _, _ in
        let namesServer = words.contains { word in ["--redis", "--host", "--port"].contains { word.hasPrefix($0) } }
        let tools =
            namesServer ? try? CacheTools(redis: nil) : try? CacheTools(try load(words), server: nil, database: nil)
        return tools?.familyNames ?? []
    }
    static let configurationFile = CompletionKind.file(extensions: ["yaml", "yml"])

    private static func names(_ of: @escaping @Sendable (Configuration) -> [String]) -> CompletionKind {
        .custom { words, _, _ in (try? load(words)).map(of) ?? [] }
    }

    private static func load(_ words: [String]) throws -> Configuration {
        let option = "--config"
        let follower = words.lastIndex(of: option).flatMap { words.dropFirst($0 + 1).first }
        let joined = words.last { $0.hasPrefix(option + "=") }.map { String($0.dropFirst(option.count + 1)) }
        return try Configuration.load(
            path: follower ?? joined ?? ConfigurationOptions.usualPath, environment: Environment.variables)
    }
}
