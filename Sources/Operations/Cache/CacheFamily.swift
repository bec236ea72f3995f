internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import RedisClient

/// The keys of one template, and whose they are.
struct CacheFamily: Hashable, Sendable {
    /// The dataset's, or that of `families`; several templates may share it.
    let name: String
    let form: KeyForm
    /// Who brings a key back that was cleared.
    let keeper: Keeper
    /// Where the rows are, as SQL writes it; nil for a query, or if that is not known.
    let table: String?
    /// Which of them are meant, as SQL writes it; nil for all.
    var condition: String?
    /// The column that names a row, if one does.
    let identity: String?

    enum Keeper: Hashable, Sendable {
        /// Baton, with the next pass of the dataset.
        case baton(isFiltered: Bool)
        /// The application, when it needs it.
        case application
    }

    /// Whether a pass of the dataset leaves rows out.
    var isFiltered: Bool {
        switch keeper {
        case .baton(let isFiltered): isFiltered
        case .application: false
        }
    }
}

extension CacheFamily {
    /// What is wrong where an application's keys have no TTL, and what to do; nil if none was found or Baton keeps them.
    ///
    /// - Parameters:
    ///   - immortal: how many keys have none.
    ///   - sampled: how many were looked at.
    func lackOfTTL(_ immortal: Int, of sampled: Int) -> (text: String, remedy: String)? {
        guard immortal > 0, keeper == .application else { return nil }
        return (
            "\(TextLayout.grouped(immortal)) of \(TextLayout.count(sampled, "key")) like \(form.text.shown) "
                + "\(immortal == 1 ? "has" : "have") no TTL: an old value that a slow reader puts there stays for ever",
            "If it is a cache, let the application give each key a TTL, those that say that there is no row too"
        )
    }

    /// The datasets' families, also of those that are switched off, then the others', on one Redis. A template that is
    /// there twice belongs to the first.
    static func all(of configuration: Configuration, redis: String) -> [CacheFamily] {
        var families: [CacheFamily] = []
        func add(_ family: CacheFamily) {
            if !families.contains(where: { $0.form == family.form }) { families.append(family) }
        }
        for dataset in configuration.datasets where dataset.redis == redis {
            for family in dataset.keys {
                add(CacheFamily(dataset, KeyForm(family.template, prefix: configuration.keyPrefix)))
            }
        }
        for family in configuration.families where family.redis == redis {
            for template in family.templates {
                add(
                    CacheFamily(
                        name: family.name, form: KeyForm(template, prefix: configuration.keyPrefix),
                        keeper: .application, table: family.table, identity: "id"))
            }
        }
        return families
    }

    /// The keys that a leader may keep at an address, by whatever name of the server. Those of datasets that seem to be
    /// switched off are among them: the leader's variables may say otherwise, and it ignores notes on what it does not
    /// know.
    static func kept(by configuration: Configuration, at url: RedisURL) -> [(dataset: String, form: KeyForm)] {
        configuration.datasets.filter { dataset in
            guard dataset.mode == .upsert, let server = configuration.redis[dataset.redis]?.url else { return false }
            return server.address == url.address && server.database == url.database
        }.flatMap { dataset in
            dataset.keys.map { (dataset.name, KeyForm($0.template, prefix: configuration.keyPrefix)) }
        }
    }

    private init(_ dataset: Dataset, _ form: KeyForm) {
        var table: String?
        var isFiltered = false
        var condition: String?
        if case .table(let name, let rows, let filter) = dataset.source {
            table = name
            condition = rows
            isFiltered = filter != nil
        }
        let isKept = dataset.isEnabled && dataset.mode == .upsert
        self.init(
            name: dataset.name, form: form,
            keeper: isKept ? .baton(isFiltered: isFiltered) : .application, table: table,
            condition: condition,
            identity: dataset.identity.isEmpty ? "id" : dataset.identity.count == 1 ? dataset.identity[0] : nil)
    }

    /// What is known without a configuration: the keys that go-zero's generator makes, with and without the schema in
    /// them.
    static func shipped(prefix: String) -> [CacheFamily] {
        [("appUsers", "app_users"), ("oaUsers", "oa_users")].flatMap { name, table in
            ["cache:\(name):", "cache:public:\(name):"].flatMap { beginning in
                ["id", "phone"].compactMap { column in
                    (try? KeyTemplate("\(beginning)\(column):{\(column)}")).map {
                        CacheFamily(
                            name: name, form: KeyForm($0, prefix: prefix), keeper: .application, table: table,
                            identity: "id")
                    }
                }
            }
        }
    }
}

extension [CacheFamily] {
    /// The family of a key: the first that covers it.
    func index(of key: [UInt8]) -> Int? { firstIndex { $0.form.covers(key) } }

    /// The names in their order, each once.
    var names: [String] {
        reduce(into: []) { if !$0.contains($1.name) { $0.append($1.name) } }
    }

    /// The families with keys for both an id and a phone: those of people, whom `clear id` and `clear phone` are meant
    /// for.
    var ofPeople: [CacheFamily] {
        let names = names.filter { name in
            let columns = Set(filter { $0.name == name }.flatMap(\.form.columns))
            return columns.isSuperset(of: ["id", "phone"])
        }
        return filter { names.contains($0.name) }
    }
}
