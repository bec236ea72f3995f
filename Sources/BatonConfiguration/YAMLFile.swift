internal import Yams

/// Turns the text of a YAML file into nodes. The only file that knows Yams.
struct YAMLFile {
    private let path: String
    /// Keys under stand-in names; see ``composeDespiteDuplicates(_:)``.
    private var originals: [Unicode.Scalar: Unicode.Scalar] = [:]
    private var nodesLeft = 100_000
    private(set) var mistakes: [ConfigurationError] = []

    /// - Parameters:
    ///   - text: the whole file.
    ///   - path: how the file is called in errors.
    /// - Returns: the root, an empty mapping for an empty file, nil if the text is not YAML; and what is wrong with it.
    static func parse(_ text: String, path: String) -> (root: YAMLNode?, mistakes: [ConfigurationError]) {
        var file = YAMLFile(path: path)
        do throws(ConfigurationError) {
            let start = ConfigurationLocation.file(path, line: 1, column: 1)
            guard let root = try file.composeDespiteDuplicates(text) else {
                return (YAMLNode(content: .mapping([]), location: start), [])
            }
            let node = try file.node(root, [])
            guard case .null = node.content else { return (node, file.mistakes) }
            return (YAMLNode(content: .mapping([]), location: start), file.mistakes)
        } catch {
            return (nil, file.mistakes + [error])
        }
    }

    private init(path: String) { self.path = path }

    // MARK: Composing

    /// Yams throws at the first mapping with a repeated key, and says only where one of the two stands. To find all of
    /// them with both places, the first character of the key that it complains about is replaced by one that occurs
    /// nowhere else, the text is composed again, and the nodes get the original character back. After 64 of them the
    /// rest is not worth the time.
    private mutating func composeDespiteDuplicates(_ text: String) throws(ConfigurationError) -> Node? {
        var scalars = Array(text.unicodeScalars)
        let used = Set(scalars)
        var standIns = (0xE000...0xE03F as ClosedRange<UInt32>).lazy.compactMap(Unicode.Scalar.init)
            .filter { !used.contains($0) }.makeIterator()
        while true {
            do {
                var attempt = String.UnicodeScalarView()
                attempt.append(contentsOf: scalars)
                // The plain resolver: `1` and `"1"` are the same key to us. The encoding is given because its default
                // depends on an environment variable of Yams.
                return try Parser(yaml: String(attempt), resolver: .basic, encoding: .utf8).singleRoot()
            } catch let error as YamlError {
                guard case .duplicatedKeysInMapping(let keys, let context) = error else {
                    throw syntaxError(error)
                }
                guard let place = Self.firstCharacter(of: keys, at: context.mark, in: scalars),
                    let new = standIns.next()
                else {
                    throw ConfigurationError(
                        location(context.mark), "", "a key is given twice in one block", remedy: "Keep one")
                }
                originals[new] = scalars[place]
                scalars[place] = new
            } catch {
                throw ConfigurationError(.unreadable(path), "", "is not YAML: \(error)", remedy: "Correct the file")
            }
        }
    }

    /// Where the text of the first of the repeated keys starts, behind a quotation mark if there is one.
    private static func firstCharacter(of keys: [String], at mark: Mark, in text: [Unicode.Scalar]) -> Int? {
        var line = 1
        var position = 0
        while line < mark.line {
            guard position < text.count else { return nil }
            let isBreak = "\n\r\u{85}\u{2028}\u{2029}".unicodeScalars.contains(text[position])
            if text[position] == "\r", position + 1 < text.count, text[position + 1] == "\n" { position += 1 }
            if isBreak { line += 1 }
            position += 1
        }
        position += mark.column - 1
        guard position + 1 < text.count else { return nil }
        if text[position] == "\"" || text[position] == "'" { position += 1 }
        return keys.contains { $0.unicodeScalars.first == text[position] } ? position : nil
    }

    private func syntaxError(_ error: YamlError) -> ConfigurationError {
        // Yams' own descriptions quote the line, which may hold a password.
        let remedy = "Correct the YAML there or just before: indentation, quotes, brackets, tabs"
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            // Without a quoted mark, which repeats the start of the file or the line.
            let doing = context.map { $0.text.prefix { $0 != "\n" } + ", " } ?? ""
            return ConfigurationError(location(mark), "", "is not YAML: \(doing)\(problem)", remedy: remedy)
        case .reader(let problem, let offset, _, let text):
            let before = text.prefix(offset ?? 0)
            let line = before.reduce(into: 1) { lines, character in lines += character.isNewline ? 1 : 0 }
            let column = before.reversed().prefix { !$0.isNewline }.count + 1
            return ConfigurationError(
                .file(path, line: line, column: column), "", "is not YAML: \(problem)", remedy: remedy)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded, .duplicatedKeysInMapping:
            return ConfigurationError(.unreadable(path), "", "is not YAML", remedy: "Correct the file")
        }
    }

    // MARK: Nodes

    private func location(_ mark: Mark?) -> ConfigurationLocation {
        .file(path, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    /// - Throws: when the file means far more nodes than a configuration needs: aliases of aliases grow without bound.
    private mutating func node(_ node: Node, _ parents: [String]) throws(ConfigurationError) -> YAMLNode {
        let location = location(node.mark)
        nodesLeft -= 1
        guard nodesLeft > 0 else {
            throw ConfigurationError(location, "", "the file has too many parts", remedy: "Use fewer aliases")
        }
        switch node {
        case .scalar(let scalar):
            let isText = scalar.tag.description == "tag:yaml.org,2002:str"
            if !isText, !scalar.tag.description.isEmpty, scalar.tag.description != "!" {
                mistakes.append(
                    ConfigurationError(
                        location, parents.joined(separator: "."), "has a YAML tag, which means nothing here",
                        remedy: "Write the plain value"))
            }
            let text = original(scalar.string)
            let isNull = !isText && scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(text)
            return YAMLNode(content: isNull ? .null : .scalar(text), location: location)
        case .sequence(let sequence):
            var elements: [YAMLNode] = []
            for element in sequence { elements.append(try self.node(element, parents)) }
            return YAMLNode(content: .sequence(elements), location: location)
        case .mapping(let mapping):
            var entries: [YAMLNode.Entry] = []
            for (key, value) in mapping {
                guard case .scalar(let scalar) = key else {
                    mistakes.append(
                        ConfigurationError(
                            self.location(key.mark), parents.joined(separator: "."), "a key is not a word",
                            remedy: "Write `key: value`; text that starts with a bracket or a brace needs quotes"))
                    continue
                }
                let name = original(scalar.string)
                let value = try self.node(value, parents + [name.isWord ? name : "…"])
                entries.append(YAMLNode.Entry(key: name, location: self.location(key.mark), value: value))
            }
            return YAMLNode(content: .mapping(entries), location: location)
        case .alias:
            // The parser puts the node itself in an alias' place.
            return YAMLNode(content: .null, location: location)
        }
    }

    private func original(_ text: String) -> String {
        guard let first = text.unicodeScalars.first, let original = originals[first] else { return text }
        return String(original) + String(text.unicodeScalars.dropFirst())
    }
}

extension String {
    /// Whether it can be printed as a key. Anything else might be a value in the wrong place, such as the password in
    /// `{ password:secret }`.
    var isWord: Bool {
        !isEmpty && utf8.count <= 100
            && unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789_-.".contains(Character($0)))
            }
    }
}
