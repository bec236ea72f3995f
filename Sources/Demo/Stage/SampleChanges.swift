internal import Formatting

/// One change of the sample database, and which rows of datasets it concerns.
struct SampleChange: Hashable, Sendable {
    /// One statement that returns a row if it found something to change.
    let sql: String
    /// What it does, for people.
    let words: String
    /// What it touches: changes with a subject in common must not be told apart by looking at the cache.
    let subjects: Set<String>
    /// Tables, or names of datasets that are queries, with an SQL condition for the rows concerned.
    let effects: [Effect]

    struct Effect: Hashable, Sendable {
        let relation: String
        let condition: String
    }
}

/// Thinks of changes to the sample database, as its users would make them.
struct SampleChanges: Sendable {
    private let merchants: Int
    private var insertedMerchants: [Int] = []
    private var addedConfigs: [Int] = []
    private var pluginWithoutPayTypes: Int?

    init(_ size: SampleDatabase.Size) {
        // The first rows change most, so that a key that somebody looks at does change.
        merchants = min(size.merchants, 500)
    }

    /// - Parameter newID: an id that no merchant has, used if the change inserts one.
    mutating func next(newID: Int, using random: inout some RandomNumberGenerator) -> SampleChange {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: changeBalance(using: &random)
        case 6: changeStatus(using: &random)
        case 7..<10: insertOrDeleteMerchant(newID: newID)
        case 10: switchChannel(using: &random)
        case 11: changePrice(using: &random)
        case 12: changeLimits(using: &random)
        case 13..<15: changeConfig(using: &random)
        case 15..<17: changePayTypes(using: &random)
        case 17: logIn(using: &random)
        case 18: swapPhones("app_users", "app users", of: 300, using: &random)
        default: swapPhones("oa_users", "OA users", of: 100, using: &random)
        }
    }

    private func update(_ table: String, _ noun: String, _ id: Int, set: String, _ words: String) -> SampleChange {
        SampleChange(
            sql: "update \(table) set \(set) where id = \(id) returning 1", words: "\(noun) \(id): \(words)",
            subjects: ["\(table) \(id)"], effects: [SampleChange.Effect(relation: table, condition: "id = \(id)")])
    }

    // MARK: Updates

    private func changeBalance(using random: inout some RandomNumberGenerator) -> SampleChange {
        let cents = Int.random(in: -5_000...20_000, using: &random)
        let amount = TextLayout.decimal(Double(cents) / 100, places: 2).filter { $0 != "," }
        return update(
            "merchants", "merchant", .random(in: 1...merchants, using: &random),
            set: "balance = balance + (\(amount)), updated_at = clock_timestamp()",
            "balance \(cents < 0 ? "" : "+")\(amount)")
    }

    private func changeStatus(using random: inout some RandomNumberGenerator) -> SampleChange {
        let status = ["active", "suspended"].randomElement(using: &random) ?? "active"
        return update(
            "merchants", "merchant", .random(in: 1...merchants, using: &random),
            set: "status = '\(status)', updated_at = clock_timestamp()", "status \(status)")
    }

    private func switchChannel(using random: inout some RandomNumberGenerator) -> SampleChange {
        update(
            "payment_channels", "channel", .random(in: 1...200, using: &random), set: "is_enabled = not is_enabled",
            "switched on or off")
    }

    private func changePrice(using random: inout some RandomNumberGenerator) -> SampleChange {
        update(
            "plugins", "plugin", .random(in: 1...40, using: &random), set: "price = coalesce(price, 0) + 0.50",
            "price +0.50")
    }

    private func changeLimits(using random: inout some RandomNumberGenerator) -> SampleChange {
        let limit = Int.random(in: 1...90, using: &random) * 1000
        return update(
            "tenants", "tenant", .random(in: 1...50, using: &random),
            set: "settings = jsonb_set(settings, '{limits,daily}', '\(limit)')", "daily limit \(limit)")
    }

    private func logIn(using random: inout some RandomNumberGenerator) -> SampleChange {
        update("users", "user", .random(in: 1...500, using: &random), set: "last_login = clock_timestamp()", "logs in")
    }

    // MARK: Rows that come and go

    private mutating func insertOrDeleteMerchant(newID: Int) -> SampleChange {
        if insertedMerchants.count >= 4 {
            let id = insertedMerchants.removeFirst()
            return SampleChange(
                sql: "delete from merchants where id = \(id) returning 1", words: "merchant \(id): deleted",
                subjects: ["merchants \(id)"],
                effects: [SampleChange.Effect(relation: "merchants", condition: "id = \(id)")])
        }
        insertedMerchants.append(newID)
        return SampleChange(
            sql: """
                insert into merchants (id, tenant_id, name, status, balance, tags, settings, updated_at)
                values (\(newID), 1, 'New “Shop” № \(newID)', 'active', 0, '{new}', null, clock_timestamp()) returning 1
                """,
            words: "merchant \(newID): inserted", subjects: ["merchants \(newID)"],
            effects: [SampleChange.Effect(relation: "merchants", condition: "id = \(newID)")])
    }

    private mutating func changeConfig(using random: inout some RandomNumberGenerator) -> SampleChange {
        let plugin: Int
        let sql: String
        let words: String
        if addedConfigs.count >= 3 {
            plugin = addedConfigs.removeFirst()
            sql = "delete from plugin_configs where plugin_id = \(plugin) and name = 'demo: note' returning 1"
            words = "config deleted"
        } else {
            plugin = .random(in: 1...40, using: &random)
            addedConfigs.append(plugin)
            sql = """
                insert into plugin_configs (plugin_id, name, value, is_secret, updated_at)
                values (\(plugin), 'demo: note', to_jsonb(clock_timestamp()::text), false, clock_timestamp())
                on conflict (plugin_id, name) do update set value = excluded.value returning 1
                """
            words = "config written"
        }
        return SampleChange(
            sql: sql, words: "plugin \(plugin): \(words)", subjects: ["plugin_configs \(plugin)"],
            effects: [
                SampleChange.Effect(
                    relation: "plugin_configs", condition: "plugin_id = \(plugin) and name = 'demo: note'")
            ])
    }

    private mutating func changePayTypes(using random: inout some RandomNumberGenerator) -> SampleChange {
        let plugin: Int
        let sql: String
        let words: String
        if let empty = pluginWithoutPayTypes {
            plugin = empty
            pluginWithoutPayTypes = nil
            sql = """
                insert into plugin_pay_types (plugin_id, code, name, fee, is_default)
                values (\(plugin), 'card', 'Card', 0.0250, true), (\(plugin), 'wallet', 'Wallet', 0.0100, false)
                on conflict do nothing returning 1
                """
            words = "two pay types"
        } else {
            // Every fourth has none from the beginning.
            plugin = .random(in: 0..<10, using: &random) * 4 + .random(in: 1...3, using: &random)
            pluginWithoutPayTypes = plugin
            sql = "delete from plugin_pay_types where plugin_id = \(plugin) returning 1"
            words = "pay types emptied"
        }
        return SampleChange(
            sql: sql, words: "plugin \(plugin): \(words)", subjects: ["plugin_pay_types \(plugin)"],
            effects: [SampleChange.Effect(relation: "plugin_pay_types", condition: "plugin_id = \(plugin)")])
    }

    private func swapPhones(
        _ table: String, _ noun: String, of count: Int, using random: inout some RandomNumberGenerator
    ) -> SampleChange {
        let one = Int.random(in: 1..<count, using: &random)
        let other = one + 1
        return SampleChange(
            sql: """
                update \(table) u set phone = v.phone from \(table) v
                where u.id in (\(one), \(other)) and v.id = \(one + other) - u.id returning 1
                """,
            words: "\(noun) \(one) and \(other): phones swapped", subjects: ["\(table) \(one)", "\(table) \(other)"],
            effects: [SampleChange.Effect(relation: table, condition: "id in (\(one), \(other))")])
    }
}
