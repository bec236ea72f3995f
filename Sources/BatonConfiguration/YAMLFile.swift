/// Turns the text of a YAML file into nodes.
struct YAMLFile: ~Copyable {
    private let path: String
    private var reader: YAMLReader
    /// The nodes that bear an anchor, each with the number of the nodes in it, and of its levels.
    private var anchors: [String: (node: YAMLNode, size: Int, levels: Int)] = [:]
    private var nodesLeft = 100_000
    private var levelsLeft = 100
    private var mistakes: [ConfigurationError] = []

    /// - Parameters:
    ///   - text: the whole file.
    ///   - path: how the file is called in errors.
    /// - Returns: the root, an empty mapping for an empty file, nil if the text is not YAML; and what is wrong with it.
    static func parse(_ text: String, path: String) -> (root: YAMLNode?, mistakes: [ConfigurationError]) {
        var file = YAMLFile(path: path, reader: YAMLReader(text))
        do throws(ConfigurationError) {
            let root = try file.document()
            return (root, file.mistakes)
        } catch {
            return (nil, file.mistakes + [error])
        }
    }

    private init(path: String, reader: consuming YAMLReader) {
        self.path = path
        self.reader = reader
    }

    /// The only document.
    private mutating func document() throws(ConfigurationError) -> YAMLNode {
        var root = YAMLNode(content: .null, location: location(YAMLPlace(line: 1, column: 1)))
        if case .documentStart = try next().kind {
            root = try node(try next(), [])
            _ = try next()  // its end
            let event = try next()
            if case .documentStart = event.kind {
                throw notYAML("expected a single document in the stream, but found another document", event.place)
            }
        }
        guard case .null = root.content else { return root }
        return YAMLNode(content: .mapping([]), location: root.location)
    }

    private mutating func next() throws(ConfigurationError) -> YAMLEvent {
        do throws(YAMLReader.Problem) {
            return try reader.next()
        } catch {
            throw notYAML(error.words, error.place)
        }
    }

    private func notYAML(_ problem: String, _ place: YAMLPlace) -> ConfigurationError {
        ConfigurationError(
            location(place), "", "is not YAML: \(problem)",
            remedy: "Correct the YAML there or just before: indentation, quotes, brackets, tabs")
    }

    private func location(_ place: YAMLPlace) -> ConfigurationLocation {
        .file(path, line: place.line, column: place.column)
    }

    // MARK: Nodes

    /// The node that begins with this event, read to its end.
    ///
    /// - Parameter parents: the keys that lead to it.
    /// - Throws: also when the file means far more nodes than a configuration needs: aliases of aliases grow without
    ///   bound.
    private mutating func node(_ event: YAMLEvent, _ parents: [String]) throws(ConfigurationError) -> YAMLNode {
        let (location, before) = (location(event.place), nodesLeft)
        levelsLeft -= 1
        defer { levelsLeft += 1 }
        try spend(1, location)
        let content: YAMLNode.Content
        switch event.kind {
        case .scalar(let text, let tag, let isPlain):
            content = scalar(text, tag, isPlain: isPlain, location, parents)
        case .sequenceStart: content = .sequence(try elements(parents))
        case .mappingStart: content = .mapping(try entries(parents))
        case .alias(let name):
            guard let known = anchors[name] else { throw notYAML("found undefined alias", event.place) }
            try spend(known.size, levels: known.levels, location)
            return known.node
        case .documentStart, .documentEnd, .streamEnd, .sequenceEnd, .mappingEnd:
            preconditionFailure("libyaml ends what it began")
        }
        let node = YAMLNode(content: content, location: location)
        if let anchor = event.anchor { anchors[anchor] = (node, before - nodesLeft, node.levels) }
        return node
    }

    /// - Parameter levels: how many there are from here on, this one included.
    private mutating func spend(
        _ nodes: Int, levels: Int = 1, _ location: ConfigurationLocation
    ) throws(ConfigurationError) {
        nodesLeft -= nodes
        guard nodesLeft > 0, levels <= levelsLeft else {
            throw ConfigurationError(
                location, "", "the file has too many parts", remedy: "Use fewer aliases and levels")
        }
    }

    private mutating func scalar(
        _ text: String, _ tag: String?, isPlain: Bool, _ location: ConfigurationLocation, _ parents: [String]
    ) -> YAMLNode.Content {
        let isText = tag == "tag:yaml.org,2002:str"
        if let tag, !isText, tag != "!" {
            mistakes.append(
                ConfigurationError(
                    location, parents.joined(separator: "."), "has a YAML tag, which means nothing here",
                    remedy: "Write the plain value"))
        }
        let isNull = !isText && isPlain && ["", "~", "null", "Null", "NULL"].contains(text)
        return isNull ? .null : .scalar(text)
    }

    private mutating func elements(_ parents: [String]) throws(ConfigurationError) -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {
            let event = try next()
            if case .sequenceEnd = event.kind { return elements }
            elements.append(try node(event, parents))
        }
    }

    private mutating func entries(_ parents: [String]) throws(ConfigurationError) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        while true {
            let event = try next()
            if case .mappingEnd = event.kind { return entries }
            let key = try node(event, parents)
            var name: String?
            // A key of its own may be `~`; one behind an alias is a node.
            if case .scalar(let text, _, _) = event.kind { name = text }
            if case .scalar(let text) = key.content { name = text }
            let value = try node(try next(), parents + [name.flatMap { $0.isWord ? $0 : nil } ?? "…"])
            if let name {
                entries.append(YAMLNode.Entry(key: name, location: key.location, value: value))
            } else {
                mistakes.append(
                    ConfigurationError(
                        key.location, parents.joined(separator: "."), "a key is not a word",
                        remedy: "Write `key: value`; text that starts with a bracket or a brace needs quotes"))
            }
        }
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
