internal import CacheRefresh
internal import Formatting
internal import RedisClient

/// Turns the datasets file into ``Dataset``s, and the families that others keep.
struct DatasetsReader {
    /// The servers that a dataset may name.
    let redis: [String: Configuration.Redis]

    func read(_ block: ConfigurationBlock) -> ([Dataset], [Configuration.Family]) {
        _ = block.value("version", .version, .required, "The version of the file's form.")
        let (defaults, shared) = block.block("defaults") { block in
            (block, SharedSettings(block) { .text($0) })
        }
        var families = KeyFamilyRegister()
        var inheritsRedis = false
        let isDefaultsFlawed = defaults.hasMistakes
        var told: Set<String> = []
        let datasets = block.blocks(
            "datasets", mustBeBlocks: "Write such as `merchants: { table: merchants, key: \"merchant:{id}\" }`"
        ) {
            name, block in
            let settings = SharedSettings(block) { _ in .inherited(defaults) }
            if block.location(of: "redis") == nil { inheritsRedis = true } else { check(settings.redis, in: block) }
            let (dataset, locations) = read(block, name: name, settings)
            DatasetContradictions(block: block, defaults: defaults, isDefaultsFlawed: isDefaultsFlawed)
                .refuse(dataset, told: &told)
            if dataset.isEnabled {
                // Two names may mean one server.
                let server = redis[dataset.redis].map { "\($0.url.address)/\($0.url.database)" } ?? dataset.redis
                families.add(dataset, locations, server: server, block)
            }
            return dataset
        }
        let others = block.blocks(
            "families", mustBeBlocks: "Write such as `sessions: { keys: \"session:{id}\" }`"
        ) { name, block in
            let family = readFamily(block, name: name, defaults)
            if block.location(of: "redis") == nil { inheritsRedis = true } else { check(family.redis, in: block) }
            return family
        }
        if inheritsRedis { check(shared.redis, in: defaults) }
        return (datasets.map(\.1), others.map(\.1))
    }

    private func readFamily(
        _ block: ConfigurationBlock, name: String, _ defaults: ConfigurationBlock
    ) -> Configuration.Family {
        let texts = block.list(
            "keys", "Templates of keys that others keep, for `baton cache`: `session:{id}`, or a list of such.")
        var templates: [KeyTemplate] = []
        for text in texts {
            do throws(SettingRefusal) {
                let template = try SettingFormat<KeyTemplate>.template.parse(text)
                if !templates.contains(template) { templates.append(template) }
            } catch {
                block.refuse("keys", error.problem, remedy: error.remedy)
            }
        }
        if texts.isEmpty { block.refuse("keys", "is missing", remedy: "Write `keys: \"session:{id}\"`") }
        return Configuration.Family(
            name: name, templates: templates,
            redis: block.value("redis", .name, .inherited(defaults), "The server that holds the keys."),
            table: block.optional(
                "table", .text(example: "sessions"),
                "Where their rows are, as SQL writes it, so that `baton cache clear id` can say whether a row is still there."
            ))
    }

    private func check(_ name: String, in block: ConfigurationBlock) {
        guard !redis.isEmpty, redis[name] == nil else { return }
        block.refuse(
            "redis", "\(name.quoted) names no server under `redis` of the configuration file",
            remedy: Wording.advice(for: name, among: redis.keys.sorted()))
    }

    // MARK: One dataset

    private func read(
        _ block: ConfigurationBlock, name: String, _ settings: SharedSettings
    ) -> (Dataset, keys: [ConfigurationLocation]) {
        let source = readSource(block)
        let identity = block.list(
            "identity",
            "The columns that name a row; in a variable, with commas between. Without: the table's primary key.")
        if Set(identity).count < identity.count {
            block.refuse("identity", "names a column twice", remedy: "Keep one")
        }
        if case .query = source, identity.isEmpty {
            block.refuse(
                "identity", "is missing, and a query has no primary key",
                remedy: "Add `identity: [column]` with the columns that name a row")
        }
        let keys = readKeys(block)
        let dataset = Dataset(
            name: name, isEnabled: settings.isEnabled, source: source, identity: identity, keys: keys.map(\.family),
            format: settings.format, mode: settings.mode, changes: settings.changes, redis: settings.redis,
            every: settings.every, ttl: settings.ttl, ttlJitter: settings.ttlJitter,
            confirmAfter: settings.confirmAfter, maxValueBytes: settings.maxValueBytes,
            repeatAfter: settings.repeatAfter, repeatLateAfter: settings.repeatLateAfter)
        return (dataset, keys.map(\.location))
    }

    private func readSource(_ block: ConfigurationBlock) -> Dataset.Source {
        let table = block.optional("table", .text(example: "merchants"), "The table or view to read, as SQL writes it.")
        let query = block.optional("query", .query, "A `SELECT` to read instead of a table; needs `identity`.")
        let condition = block.optional(
            "where", .text(example: "deleted_at is null"),
            "An SQL condition: which rows there are. One that stops matching loses its keys, unless a `filter` left it out of the pass before. Only with `table`."
        )
        let filter = block.optional(
            "filter", .text(example: "updated_at > now() - interval '1 hour'"),
            "An SQL condition: which rows a pass looks at, beside those that changed. One that stops matching keeps its keys until their TTL. Only with `table`."
        )
        let isTableGiven = block.location(of: "table") != nil
        let isQueryGiven = block.location(of: "query") != nil
        switch (table, query) {
        case (_?, _?):
            block.refuse("query", "stands beside `table`", remedy: "Keep one of the two")
        case (nil, nil) where !isTableGiven && !isQueryGiven:
            block.refuse(nil, "has neither `table` nor `query`", remedy: "Add `table: name`")
        case (nil, let query?):
            for (key, value) in [("where", condition), ("filter", filter)] where value != nil {
                block.refuse(key, "stands beside `query`", remedy: "Write the condition into the query")
            }
            return .query(query)
        case (_?, nil), (nil, nil): break
        }
        return .table(table ?? "", where: condition, filter: filter)
    }

    private func readKeys(_ block: ConfigurationBlock) -> [(family: Dataset.KeyFamily, location: ConfigurationLocation)]
    {
        let single = block.optional(
            "key", .template,
            "The key of each row, with columns in braces: `merchant:{id}`. A literal brace is doubled.")
        let isSingleGiven = block.location(of: "key") != nil
        let entries = block.entries(
            "keys", mustBeBlock: "Write `\"user:{id}\": row`",
            "Instead of `key`, several: each template with `row`, or `{ column: name }` for one column alone.")
        if let single, let location = block.location(of: "key") {
            if entries != nil { block.refuse("keys", "stands beside `key`", remedy: "Keep one of the two") }
            return [(Dataset.KeyFamily(template: single, value: .row), location)]
        }
        guard let entries else {
            if !isSingleGiven, block.location(of: "keys") == nil {
                block.refuse(nil, "has neither `key` nor `keys`", remedy: "Add `key: \"name:{id}\"`")
            }
            return []
        }
        if entries.isEmpty { block.refuse("keys", "is empty", remedy: "Write `\"user:{id}\": row` in it") }
        return entries.compactMap { entry in
            guard let value = readValue(entry.value, block) else { return nil }
            do throws(SettingRefusal) {
                let template = try SettingFormat<KeyTemplate>.template.parse(entry.key)
                return (Dataset.KeyFamily(template: template, value: value), entry.location)
            } catch {
                block.refuse(entry.location, "keys", error.problem, remedy: error.remedy)
                return nil
            }
        }
    }

    private func readValue(_ node: YAMLNode, _ block: ConfigurationBlock) -> Dataset.Value? {
        switch node.content {
        case .scalar("row"): return .row
        case .mapping(let entries):
            if entries.count == 1, entries[0].key == "column", case .scalar(let column) = entries[0].value.content,
                !column.isEmpty
            {
                return .column(column)
            }
        case .null, .scalar, .sequence: break
        }
        block.refuse(
            node.location, "keys", "what a key holds is neither `row` nor a column",
            remedy: "Write `row`, or `{ column: name }`")
        return nil
    }
}

/// The settings that a dataset may have and `defaults` too.
private struct SharedSettings {
    let isEnabled: Bool
    let format: Dataset.Format
    let mode: Dataset.WriteMode
    let changes: Dataset.ChangeDetection
    let redis: String
    let every: Duration
    let ttl: Duration
    let ttlJitter: Double
    let confirmAfter: Duration
    let maxValueBytes: Int
    let repeatAfter: Duration
    let repeatLateAfter: Duration

    /// - Parameter fallback: made from the built-in default.
    init(_ block: ConfigurationBlock, _ fallback: (String) -> ConfigurationBlock.Fallback) {
        isEnabled = block.value("enabled", .flag, fallback("true"), "Whether the dataset is refreshed.")
        format = block.value(
            "as", .choice, fallback("json"),
            "`json`: a row is a JSON object. `hash`: a row is a Redis hash with one field a column.")
        mode = block.value(
            "mode", .choice, fallback("upsert"),
            "`upsert`: the key equals the row. `existing`: only keys that the application loaded are rewritten. "
                + "`invalidate`: keys are unlinked on change.")
        changes = block.value(
            "changes", .choice, fallback("auto"),
            "`auto`: ask a cheap question before each pass where that is safe. `snapshot`: read everything at every tick. `filter`: as `auto`, but only what fits `filter`."
        )
        redis = block.value("redis", .name, fallback("main"), "The server that holds the keys.")
        every = block.value("every", .duration(), fallback("1s"), "From one pass to the next.")
        ttl = block.value(
            "ttl", .duration(atLeast: .seconds(1)), fallback("24h"), "How long a key lives unless renewed.")
        ttlJitter = block.value(
            "ttlJitter", .percentage(below: 50), fallback("5%"),
            "How far each row's TTL may be off, so that not all keys expire together.")
        confirmAfter = block.value(
            "confirmAfter", .duration(atLeast: .zero), fallback("10m"),
            "How long a pass that would delete suspiciously much is held back.")
        maxValueBytes = block.value(
            "maxValueBytes", .bytes(1...(512 << 20)), fallback("8MiB"), "A row that makes a larger value is set aside.")
        repeatAfter = block.value(
            "repeatAfter", .duration(atLeast: .zero), fallback("2s"),
            "In the modes `existing` and `invalidate`: from a change to its first repetition, for readers that had asked before; `0s`: none."
        )
        repeatLateAfter = block.value(
            "repeatLateAfter", .duration(atLeast: .zero), fallback("30s"),
            "From a change to its last repetition, for slow readers; `0s`: none.")
    }
}

extension SettingFormat<String> {
    /// One statement, without what would end it too early inside another.
    fileprivate static let query = Self(example: "select id, name from shops") { text throws(SettingRefusal) in
        var query = text[...]
        while let last = query.last, last.isWhitespace || last == ";" { query.removeLast() }
        guard !query.isEmpty else { throw SettingRefusal("is empty", remedy: "Write a `SELECT`") }
        return String(query)
    }
}
