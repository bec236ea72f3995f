internal import BatonConfiguration
internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import PostgresClient

extension Inspector {
    /// Explains what the configuration means to the servers, and says what is wrong.
    ///
    /// - Parameter names: the datasets to look at, switched on or not; empty for all that are switched on.
    /// - Throws: ``InspectionError`` for a name that is not in the configuration. Everything else is in the report.
    package func check(datasets names: [String] = []) async throws -> CheckReport {
        let datasets = try datasets(named: names)
        var report = CheckReport()
        report.sections.append(configurationSection())

        var postgres = CheckReport.Section(.postgres, "", title: "\(configuration.postgres)")
        postgres.findings += PostgresInspection.findings(on: configuration.postgresConfiguration)
        var server: ServerIdentity?
        var sections: [CheckReport.Section] = []
        do throws(PostgresError) {
            let connection = try await connectToPostgres()
            server = try await PostgresInspection(
                connection: connection, hosts: configuration.postgresConfiguration.hosts
            ).inspect(&postgres)
            sections = try await explain(datasets, connection)
            await connection.close()
        } catch {
            postgres.findings.append(.problem(error))
        }
        for name in usedRedis(datasets) {
            report.sections.append(
                try await withRedis(name, anyServer: true) { client in
                    await RedisInspection(name: name, configuration: configuration, client: client, server: server)
                        .section()
                })
        }
        report.sections.append(postgres)
        report.sections += sections
        return report
    }

    private func configurationSection() -> CheckReport.Section {
        let off = configuration.datasets.filter { !$0.isEnabled }.map(\.name)
        var section = CheckReport.Section(
            .configuration, path, title: "and \(configuration.datasetsPath) are valid")
        section.add("group", configuration.group)
        if !configuration.keyPrefix.isEmpty { section.add("keyPrefix", configuration.keyPrefix) }
        let on = configuration.enabledDatasets.map(\.name)
        section.add("datasets", on.isEmpty ? "none" : on.joined(separator: ", "), json: .texts(on))
        if !off.isEmpty { section.add("off", off.joined(separator: ", "), json: .texts(off)) }
        section.add("revision", configuration.revision)
        if on.isEmpty {
            section.findings.append(
                .warning("No dataset is switched on", "Set `enabled: true` for those that shall be cached"))
        }
        return section
    }

    /// The names of the servers that matter: that of the lease, then those of the datasets.
    private func usedRedis(_ datasets: [Dataset]) -> [String] {
        let others = Set(datasets.map(\.redis)).subtracting([configuration.lease.redis])
        return [configuration.lease.redis] + others.sorted()
    }

    private func explain(
        _ datasets: [Dataset], _ first: PostgresConnection
    ) async throws(PostgresError) -> [CheckReport.Section] {
        var connection = first
        var sections: [CheckReport.Section] = []
        var overlap = KeyOverlap(configuration)
        for dataset in datasets {
            // An error in one dataset may have cost the connection.
            if !connection.isUsable { connection = try await connectToPostgres() }
            let (section, kinds) = await DatasetInspection(
                dataset: dataset, keyPrefix: configuration.keyPrefix, connection: connection
            ).inspect()
            sections.append(section)
            if let kinds { overlap.add(dataset, kinds, redis: configuration.redis[dataset.redis]) }
        }
        for (dataset, finding) in overlap.findings() {
            guard let position = sections.firstIndex(where: { $0.name == dataset }) else { continue }
            sections[position].findings.append(finding)
        }
        if connection !== first { await connection.close() }
        return sections
    }
}
