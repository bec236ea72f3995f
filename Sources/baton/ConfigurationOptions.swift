internal import ArgumentParser
internal import BatonConfiguration
internal import Glibc
internal import Operations

/// The options of every command that needs a configuration.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The configuration file; also $BATON_CONFIG.", valueName: "file"),
        completion: Completion.configurationFile)
    var config = usualPath

    func validate() throws {
        if config.isEmpty { throw ValidationError("--config is empty. Name a file, or leave it out.") }
    }

    /// Where the configuration is unless somebody says otherwise.
    static var usualPath: String {
        guard let path = Environment.variables["BATON_CONFIG"], !path.isEmpty else { return "config/baton.yaml" }
        return path
    }

    /// - Throws: ``ConfigurationErrors`` with all mistakes.
    func load() throws -> Configuration {
        try Configuration.load(path: config, environment: Environment.variables)
    }

    func inspector() throws -> Inspector { Inspector(try load(), path: config) }
}

/// The process's environment.
enum Environment {
    static var variables: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return variables
    }
}
