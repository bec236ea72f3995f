internal import BatonConfiguration
internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import JSON
internal import PostgresClient
internal import RedisClient

/// The templates of one name: a row's own keys and those that point to it.
struct CacheRelatives {
    private let families: [CacheFamily]
    private let identity: String
    private let table: String?
    private let condition: String?

    /// - Parameter families: at least one, all of one name.
    init(_ families: [CacheFamily]) {
        self.families = families
        identity = families.lazy.compactMap(\.identity).first ?? "id"
        let stored = families.first { $0.table != nil }
        (table, condition) = (stored?.table, stored?.condition)
    }

    /// Columns that keys pointing to a row are made of.
    private var pointers: [String] {
        var columns: [String] = []
        for family in families where Set(family.form.columns).count == 1 {
            let column = family.form.columns[0]
            if column != identity, !columns.contains(column) { columns.append(column) }
        }
        return columns
    }

    private func keys(_ column: String, _ text: String) -> [[UInt8]] {
        families.compactMap { $0.form.key(column, text) }
    }

    /// The keys of a row, and those that point to it: by what the cache says of the row, and by what the database says.
    func keys(
        ofRow id: String, _ reader: CacheReader, _ rows: CacheRows, _ remarks: inout [String]
    ) async throws -> [[UInt8]] {
        var keys = self.keys(identity, id)
        guard !keys.isEmpty else { return [] }
        let cached = try await reader.rows(keys)
        let stored = await stored(identity, id, rows, &remarks)
        for column in pointers {
            let texts = (cached + [stored].compactMap { $0 }).flatMap { $0.texts(column) }
            for text in texts { keys += self.keys(column, text) }
            if texts.isEmpty {
                remarks.append(
                    "Neither cache nor database tells the \(column) of row \(KeyText.shown(Array(id.utf8))), so that a key of its "
                        + "\(column) may stay: `baton cache clear \(column) …` clears that.")
            }
        }
        return keys
    }

    /// The keys that are made of a column's text, and those of the rows that they point to.
    func keys(
        pointingFrom column: String, _ text: String, _ reader: CacheReader, _ rows: CacheRows, _ remarks: inout [String]
    ) async throws -> [[UInt8]] {
        var keys = self.keys(column, text)
        guard !keys.isEmpty else { return [] }
        var ids: [String] = []
        for entry in try await reader.entries(keys) where entry.type == "string" {
            if let id = try await reader.target(of: entry.key) { ids.append(id) }
        }
        ids += await stored(column, text, rows, &remarks)?.texts(identity) ?? []
        for id in ids { keys += self.keys(identity, id) }
        return keys
    }

    /// The row, if the database has it, and a remark on that.
    private func stored(
        _ column: String, _ text: String, _ rows: CacheRows, _ remarks: inout [String]
    ) async -> CacheRow? {
        guard let table else { return nil }
        let shown = "\(column) \(KeyText.shown(Array(text.utf8)))"
        switch await rows.find(table, condition, column, text) {
        case .unknown: return nil
        case .unreachable(let reason):
            let remark = "The database can't be asked whether rows are still there: \(reason)"
            if !remarks.contains(remark) { remarks.append(remark) }
            return nil
        case .refused(let reason):
            remarks.append("\(table) can't be asked whether the row is still there: \(reason)")
            return nil
        case .absent:
            remarks.append("\(table) has no row with \(shown).")
            return nil
        case .present(let row):
            remarks.append("\(table) still has the row with \(shown): the cache is filled from it again.")
            return row
        }
    }
}

/// A row, from the cache or the database: JSON, or the fields of a hash.
struct CacheRow {
    /// A name may be there twice, or in two spellings: readers differ in which one they take.
    private let members: [String: [String]]

    init(members: some Sequence<(name: String, text: String)>) {
        self.members = Dictionary(grouping: members.filter { !$0.text.isEmpty }) { Self.plain($0.name) }
            .mapValues { $0.map(\.text) }
    }

    /// - Parameter json: an object; nil for anything else.
    init?(json: some Collection<UInt8>) {
        guard let scalars = JSONValue.scalarMembers(of: json) else { return nil }
        self.init(members: scalars)
    }

    /// What a column holds. Go's structs spell `Phone` what the table calls `phone`.
    func texts(_ column: String) -> [String] { members[Self.plain(column)] ?? [] }

    private static func plain(_ name: String) -> String { VariableName.component(name) }
}

extension CacheReader {
    /// A cached row that is larger is not looked into.
    private static let largestRow = 1 << 20

    /// The rows that these keys hold, as far as they do.
    func rows(_ keys: [[UInt8]]) async throws(RedisError) -> [CacheRow] {
        var rows: [CacheRow] = []
        for entry in try await entries(keys) {
            switch entry.type {
            case "string":
                let reply = try await connection.submit(Self.range(of: entry.key, 0..<Self.largestRow))
                    .value(unless: .wrongType)
                if let text = reply?.bytes, let row = CacheRow(json: text) { rows.append(row) }
            case "hash":
                let command = RedisCommand([
                    Array("HSCAN".utf8), entry.key, Array("0".utf8), Array("COUNT".utf8), Array("1000".utf8),
                ])
                let reply = try await connection.submit(command).value(unless: .wrongType)
                let flat = reply?.array?.last?.array?.map { $0.string ?? "" } ?? []
                rows.append(
                    CacheRow(members: stride(from: 0, to: flat.count - 1, by: 2).map { (flat[$0], flat[$0 + 1]) }))
            default: break
            }
        }
        return rows
    }
}

/// Asks the database whether rows are still there; it may be away.
actor CacheRows {
    enum Answer {
        /// There is nothing to ask.
        case unknown
        case unreachable(String)
        /// The database refused this one question; it may answer others.
        case refused(String)
        case absent
        case present(CacheRow)
    }

    private let configuration: Configuration?
    private var connection: PostgresConnection?
    private var failure: String?

    init(_ configuration: Configuration?) { self.configuration = configuration }

    /// - Parameters:
    ///   - table: as SQL writes it.
    ///   - condition: which of the rows count; nil: all.
    ///   - column: its bare name.
    func find(_ table: String, _ condition: String?, _ column: String, _ text: String) async -> Answer {
        guard let configuration else { return .unknown }
        if let failure { return .unreachable(failure) }
        let name = quotedName(column)
        do throws(PostgresError) {
            let counted = condition.map { " where (\($0)\n)" } ?? ""
            // The column is not read as jsonb, which refuses what one of type json may hold.
            let rows = try await connected(configuration).query(
                "select row_to_json(t)::text from (select * from \(table)\(counted)) t where t.\(name) = $1 limit 1",
                [text])
            guard let json = rows.first?[0] else { return .absent }
            return CacheRow(json: json.utf8).map { .present($0) } ?? .refused("PostgreSQL answered what is no row.")
        } catch {
            if error.sqlState?.hasPrefix("22") == true {
                return await isValue(text, of: name, table, configuration) ? .refused("\(error)") : .absent
            }
            // A table that is not there, or may not be read, says nothing of the next one.
            if error.sqlState?.hasPrefix("42") == true { return .refused("\(error)") }
            failure = "\(error)"
            return .unreachable("\(error)")
        }
    }

    /// Whether a text can be read as a value of a column's type: what can't be is no row's.
    private func isValue(_ text: String, of name: String, _ table: String, _ configuration: Configuration) async -> Bool
    {
        do throws(PostgresError) {
            let sql = "select from (select * from \(table) limit 0) t where t.\(name) = $1"
            _ = try await connected(configuration).query(sql, [text])
            return true
        } catch {
            return error.sqlState?.hasPrefix("22") != true
        }
    }

    func close() async { await connection?.close() }

    private func connected(_ configuration: Configuration) async throws(PostgresError) -> PostgresConnection {
        if let connection, connection.isUsable { return connection }
        var settings = configuration.postgresConfiguration
        settings.applicationName = "baton-cache"
        settings.connectTimeout = .seconds(3)
        settings.statementTimeout = .seconds(5)
        let opened = try await PostgresConnection.connect(settings)
        connection = opened
        return opened
    }
}
