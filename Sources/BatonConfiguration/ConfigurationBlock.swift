internal import Formatting

/// Reads one block of keys. Whatever is wrong is told to the ``ConfigurationReader``, and reading goes on with a
/// stand-in, so that a single attempt finds all mistakes.
final class ConfigurationBlock {
    /// The value of a setting that nobody gives.
    enum Fallback {
        /// It must be given.
        case required
        /// A text as the file would write it.
        case text(String)
        /// The value of another block for the same key.
        case inherited(ConfigurationBlock)
    }

    let location: ConfigurationLocation
    /// Whether anything in the block was refused so far, apart from unknown keys. What is still seen together then,
    /// such as durations that must fit, may be stand-ins.
    private(set) var hasMistakes = false
    private let reader: ConfigurationReader
    private let path: [String]
    private let pattern: [String]
    private let variablePath: [String]
    private let entries: [YAMLNode.Entry]
    private var knownKeys: [String] = []
    /// The value of each setting, as the file would write it.
    private var texts: [String: String] = [:]
    private var locations: [String: ConfigurationLocation] = [:]

    init(
        _ reader: ConfigurationReader, node: YAMLNode?, location: ConfigurationLocation, path: [String],
        pattern: [String]? = nil, variablePath: [String]? = nil, mustBeBlock remedy: String = "Write `key: value` pairs"
    ) {
        self.reader = reader
        self.location = location
        self.path = path
        self.pattern = pattern ?? path
        self.variablePath = variablePath ?? path
        switch node?.content {
        case nil, .null: entries = []
        case .mapping(let found): entries = found
        case .scalar, .sequence:
            entries = []
            hasMistakes = true
            reader.refuse(
                node?.location ?? location, path.joined(separator: "."),
                "must be a block of keys, but is \(node?.kind ?? "")", remedy: remedy)
        }
        refuseRepeatedKeys()
    }

    /// Runs `body`, which reads all keys that there are, and refuses those that it did not read.
    func read<Result>(_ body: (ConfigurationBlock) -> Result) -> Result {
        let result = body(self)
        for entry in entries where !knownKeys.contains(entry.key) {
            if entry.key == "<<" {
                refuse(
                    entry.location, nil, "merge keys (`<<`) are not supported",
                    remedy: "Write the keys out; what datasets share belongs under `defaults`")
            } else if entry.key.isWord {
                refuse(
                    entry.location, entry.key, "there is no such key",
                    remedy: Wording.advice(for: entry.key, among: knownKeys))
            } else {
                refuse(
                    entry.location, nil, "a key is not a word",
                    remedy: "Write `key: value`, with a space after the colon")
            }
        }
        return result
    }

    // MARK: Settings

    /// A setting that always has a value.
    func value<Value>(_ key: String, _ format: SettingFormat<Value>, _ fallback: Fallback, _ meaning: String) -> Value {
        let text =
            switch fallback {
            case .required: nil as String?
            case .text(let text): text
            case .inherited(let other): other.texts[key]
            }
        switch given(key, format) {
        case .text(let written, let location):
            do throws(SettingRefusal) {
                let value = try format.parse(written)
                texts[key] = written
                record(key, format, fallback, meaning, format.redact(written), .written(location))
                return value
            } catch {
                refuse(location, key, error.problem, remedy: error.remedy)
            }
        case .absent:
            if text == nil {
                refuse(
                    location, key, "is missing",
                    remedy: "Write it there, such as `\(key): \(format.example)`, or set `\(variable(key))`")
            }
        case .refused: break
        }
        texts[key] = text
        var origin = ConfigurationSetting.Origin.builtIn
        if case .inherited(let other) = fallback, other.locations[key] != nil { origin = .defaults }
        record(key, format, fallback, meaning, text.map(format.redact), origin)
        return format.literal(text ?? format.example)
    }

    /// A setting that may be left out. An empty variable takes away what the file says.
    func optional<Value>(_ key: String, _ format: SettingFormat<Value>, _ meaning: String) -> Value? {
        if case .text(let written, let location) = given(key, format) {
            if location == .variable(variable(key)), written.isEmpty {
                locations[key] = nil
                record(key, format, nil, meaning, nil, .written(location))
                return nil
            }
            do throws(SettingRefusal) {
                let value = try format.parse(written)
                record(key, format, nil, meaning, format.redact(written), .written(location))
                return value
            } catch {
                refuse(location, key, error.problem, remedy: error.remedy)
            }
        }
        record(key, format, nil, meaning, nil, .builtIn)
        return nil
    }

    /// One word or a list of words; in a variable, words with commas between them.
    func list(_ key: String, _ meaning: String) -> [String] {
        knownKeys.append(key)
        var words: [String] = []
        var origin = ConfigurationSetting.Origin.builtIn
        if let (text, variable) = reader.override(variable(key), path: name(key), isSecret: false) {
            words = text.unicodeScalars.split(separator: ",").map { word in
                String(String.UnicodeScalarView(word.filter { !$0.properties.isWhitespace }))
            }
            origin = .written(.variable(variable))
        } else if let entry = entry(key) {
            origin = .written(entry.value.location)
            let elements = if case .sequence(let elements) = entry.value.content { elements } else { [entry.value] }
            for element in elements {
                guard case .scalar(let word) = element.content, !word.isEmpty else {
                    refuse(
                        element.location, key, "must be a name or a list of names, but has \(element.kind) in it",
                        remedy: "Write `\(key): [first, second]`")
                    continue
                }
                words.append(word)
            }
        }
        if case .written(let location) = origin { locations[key] = location }
        record(
            key, nil as SettingFormat<String>?, nil, meaning,
            words.isEmpty ? nil : words.joined(separator: ","), origin)
        return words
    }

    // MARK: Blocks

    /// A block of its own under `key`. If it is not there, everything in it has its default.
    func block<Result>(_ key: String, _ body: (ConfigurationBlock) -> Result) -> Result {
        knownKeys.append(key)
        reader.claimPrefix(variablePath(of: key))
        let entry = entry(key)
        return ConfigurationBlock(
            reader, node: entry?.value, location: entry?.location ?? location, path: path + [key],
            pattern: pattern + [key], variablePath: variablePath(of: key)
        ).read(body)
    }

    /// Blocks under names that the user chooses, in the order of the file.
    ///
    /// - Parameters:
    ///   - isRequired: whether there must be one at least.
    ///   - remedy: what to write under the key.
    func blocks<Result>(
        _ key: String, required isRequired: Bool = false, mustBeBlocks remedy: String,
        _ body: (String, ConfigurationBlock) -> Result
    ) -> [(name: String, Result)] {
        knownKeys.append(key)
        reader.claimPrefix(variablePath(of: key))
        let entry = entry(key)
        let names = ConfigurationBlock(
            reader, node: entry?.value, location: entry?.location ?? location, path: path + [key], mustBeBlock: remedy)
        if isRequired, names.entries.isEmpty, !names.hasMistakes { names.refuse(nil, "is empty", remedy: remedy) }
        var results: [(name: String, Result)] = []
        var variables: [String: YAMLNode.Entry] = [:]
        for entry in names.uniqueEntries {
            guard entry.key.isName else {
                let name = entry.key.isWord ? entry.key.quoted : "this key"
                names.refuse(
                    entry.location, nil, "\(name) can't be a name",
                    remedy: "Use at most \(String.longestName) letters, digits, `_` and `-`, beginning with a letter")
                continue
            }
            let variable = VariableName.joined(variablePath(of: key) + [entry.key])
            if let other = variables[variable] {
                names.refuse(
                    entry.location, entry.key, "has the same variables, `\(variable)_…`, as `\(other.key)`",
                    remedy: "Rename one of the two")
            }
            variables[variable] = entry
            let block = ConfigurationBlock(
                reader, node: entry.value, location: entry.location, path: path + [key, entry.key],
                pattern: pattern + [key, "<name>"], variablePath: variablePath(of: key) + [entry.key],
                mustBeBlock: remedy)
            // What is no block at all has nothing in it that could be right.
            if block.hasMistakes, block.entries.isEmpty { continue }
            results.append((entry.key, block.read { body(entry.key, $0) }))
        }
        return results
    }

    /// The entries of a map whose keys are free text and that no variable overrides; nil if it is not there or no map.
    func entries(_ key: String, mustBeBlock remedy: String, _ meaning: String) -> [YAMLNode.Entry]? {
        knownKeys.append(key)
        let entry = entry(key)
        let map = entry.map {
            ConfigurationBlock(
                reader, node: $0.value, location: $0.location, path: path + [key], mustBeBlock: remedy)
        }
        locations[key] = entry?.location
        record(
            key, nil as SettingFormat<String>?, nil, meaning, map?.entries.map(\.key).joined(separator: ", "),
            entry.map { .written($0.location) } ?? .builtIn, hasVariable: false)
        guard let map, !map.entries.isEmpty || !map.hasMistakes else { return nil }
        return map.uniqueEntries
    }

    // MARK: Mistakes

    /// Refuses something that only shows when several settings are seen together.
    ///
    /// - Parameter key: the setting that is to be blamed; nil blames the block.
    func refuse(_ key: String?, _ problem: String, remedy: String) {
        refuse(key.flatMap { locations[$0] } ?? location, key, problem, remedy: remedy)
    }

    func refuse(_ location: ConfigurationLocation, _ key: String?, _ problem: String, remedy: String) {
        hasMistakes = true
        reader.refuse(location, (path + [key].compactMap(\.self)).joined(separator: "."), problem, remedy: remedy)
    }

    /// The file that a secret was read from; nil if it was said elsewhere.
    func secretFile(of key: String) -> SecretFile? {
        guard location(of: key) == .variable(variable(key) + "_FILE") else { return nil }
        return reader.environment[variable(key) + "_FILE"].map { SecretFile(path: $0) }
    }

    /// Where a setting was written; nil if it has its default.
    func location(of key: String) -> ConfigurationLocation? { locations[key] }
}

// MARK: - Finding what was given

extension ConfigurationBlock {
    private enum Given {
        case absent
        /// Something is there, was refused, and needs no second complaint.
        case refused
        case text(String, ConfigurationLocation)
    }

    private func given<Value>(_ key: String, _ format: SettingFormat<Value>) -> Given {
        knownKeys.append(key)
        let mistakes = reader.mistakes.count
        if let (text, variable) = reader.override(variable(key), path: name(key), isSecret: format.isSecret) {
            locations[key] = .variable(variable)
            return .text(text, .variable(variable))
        }
        guard reader.mistakes.count == mistakes else {
            hasMistakes = true
            return .refused
        }
        guard let entry = entry(key) else { return .absent }
        locations[key] = entry.value.location
        switch entry.value.content {
        case .scalar(let text): return .text(text, entry.value.location)
        case .null:
            refuse(
                entry.location, key, "has no value",
                remedy: "Write one, such as `\(key): \(format.example)`, or delete the line")
        case .sequence, .mapping:
            refuse(
                entry.value.location, key, "must be a single value, but is \(entry.value.kind)",
                remedy: "Write one such as `\(key): \(format.example)`")
        }
        return .refused
    }

    private func entry(_ key: String) -> YAMLNode.Entry? { entries.first { $0.key == key } }

    /// The entries without those whose key was there before; they were refused already.
    private var uniqueEntries: [YAMLNode.Entry] {
        var seen: Set<String> = []
        return entries.filter { seen.insert($0.key).inserted }
    }

    private func refuseRepeatedKeys() {
        var first: [String: YAMLNode.Entry] = [:]
        for entry in entries {
            guard let earlier = first[entry.key] else {
                first[entry.key] = entry
                continue
            }
            guard case .file(_, let line, _) = earlier.location else { continue }
            let isWord = entry.key.isWord
            refuse(
                entry.location, isWord ? entry.key : nil,
                "\(isWord ? "" : "a key ")is given twice, first in line \(line)", remedy: "Keep one")
        }
    }

    private func name(_ key: String) -> String { (path + [key]).joined(separator: ".") }

    private func variablePath(of key: String) -> [String] {
        // Datasets are called BATON_DATASETS_… and their defaults BATON_DEFAULTS_…, though both are in a file of its
        // own.
        path.isEmpty ? [key] : variablePath + [key]
    }

    private func variable(_ key: String) -> String { VariableName.joined(variablePath + [key]) }

    private func record<Value>(
        _ key: String, _ format: SettingFormat<Value>?, _ fallback: Fallback?, _ meaning: String, _ value: String?,
        _ origin: ConfigurationSetting.Origin, hasVariable: Bool = true
    ) {
        let described =
            switch fallback {
            case nil: "–"
            case .required: "required"
            case .text(let text): text.isEmpty ? "`\"\"`" : "`\(text)`"
            case .inherited: "from `defaults`"
            }
        let depth = path.isEmpty ? variablePath : pattern
        reader.record(
            ConfigurationSetting(
                path: name(key), variable: hasVariable ? variable(key) : nil, value: value, origin: origin,
                documentation: ConfigurationSetting.Documentation(
                    pattern: (pattern + [key]).joined(separator: "."),
                    variable: hasVariable ? VariableName.joined(depth + [key]) : nil, fallback: described,
                    meaning: meaning, isSecret: format?.isSecret ?? false)))
    }
}
