internal import Formatting

/// What reading a configuration found out: the settings with their origins, and the mistakes.
///
/// The code that reads a setting also declares it: its format, default and meaning. Unknown keys, variables and the
/// documentation's tables all follow from what was read, so that none of them can be forgotten.
final class ConfigurationReader {
    let environment: [String: String]
    private(set) var settings: [ConfigurationSetting] = []
    private(set) var mistakes: [ConfigurationError] = []
    /// The path of the setting that each variable belongs to.
    private var variables: [String: String] = [:]
    /// How the variables of a block begin.
    private var variablePrefixes: Set<String> = []

    init(environment: [String: String]) {
        self.environment = environment
    }

    func refuse(_ location: ConfigurationLocation, _ path: String, _ problem: String, remedy: String) {
        mistakes.append(ConfigurationError(location, path, problem, remedy: remedy))
    }

    func refuse(_ found: [ConfigurationError]) { mistakes += found }

    func record(_ setting: ConfigurationSetting) { settings.append(setting) }

    /// Reads the block that is a whole file.
    ///
    /// - Parameters:
    ///   - variablePath: what stands before the keys in the names of variables.
    func file<Result>(
        _ root: YAMLNode, variablePath: [String] = [], _ body: (ConfigurationBlock) -> Result
    ) -> Result {
        let block = ConfigurationBlock(self, node: root, location: root.location, path: [], variablePath: variablePath)
        return block.read(body)
    }

    // MARK: Variables

    func claimPrefix(_ path: [String]) { variablePrefixes.insert(VariableName.joined(path) + "_") }

    /// What the environment says about a setting.
    ///
    /// - Returns: nil if it says nothing, or something that was refused.
    func override(_ variable: String, path: String, isSecret: Bool) -> (text: String, variable: String)? {
        variables[variable] = path
        guard isSecret else { return environment[variable].map { ($0, variable) } }
        let fileVariable = variable + "_FILE"
        variables[fileVariable] = path
        // An empty name of a file is what templates make of a variable that is not set.
        guard let file = environment[fileVariable], !file.isEmpty else {
            return environment[variable].map { ($0, variable) }
        }
        guard (environment[variable] ?? "").isEmpty else {
            refuse(
                .variable(fileVariable), path, "`\(variable)` is set as well", remedy: "Set only one of the two")
            return nil
        }
        do throws(SettingRefusal) {
            return (try SecretFile(path: file).text(), fileVariable)
        } catch {
            refuse(.variable(fileVariable), path, "\(file.quoted) \(error.problem)", remedy: error.remedy)
            return nil
        }
    }

    /// Refuses variables that look like ours and mean nothing: a misspelt override would silently do nothing.
    ///
    /// Refuses unknown variables, but only those that begin like a block's or resemble a known one: others may use the
    /// prefix too, such as Kubernetes, which sets `BATON_SERVICE_HOST` and the like for a service named `baton`.
    func refuseUnknownVariables() {
        let prefix = VariableName.prefix + "_"
        let known = variables.keys.sorted().map { String($0.dropFirst(prefix.count)) }
        for name in environment.keys.sorted() where name.hasPrefix(prefix) && variables[name] == nil {
            guard !Self.isServiceLink(name) else { continue }
            let nearest = Wording.nearest(to: String(name.dropFirst(prefix.count)), among: known)
            guard nearest != nil || variablePrefixes.contains(where: name.hasPrefix) else { continue }
            refuse(
                .variable(name), "", "sets nothing in this configuration",
                remedy: nearest.map { "Did you mean `\(prefix)\($0)`?" } ?? "Unset it, or add what it names to the file"
            )
        }
    }

    /// `…_SERVICE_HOST`, `…_SERVICE_PORT_HTTP`, `…_PORT`, `…_PORT_8080_TCP_ADDR`
    private static func isServiceLink(_ name: String) -> Bool {
        if name.hasSuffix("_PORT") || name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") { return true }
        guard let port = name.firstRange(of: "_PORT_") else { return false }
        let number = name[port.upperBound...].prefix { $0.isNumber }
        return !number.isEmpty && ["_TCP", "_UDP"].contains { name[number.endIndex...].hasPrefix($0) }
    }
}
