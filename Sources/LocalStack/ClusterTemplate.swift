/// Empty database clusters, made once per process and kind by `initdb` (about a second) and copied for each server.
actor ClusterTemplate {
    /// The options of `initdb`.
    struct Kind: Hashable, Sendable {
        /// The folder of `initdb`.
        var programs: String
        var encoding: String
        var locale: String
    }

    static let shared = ClusterTemplate()

    private var workspace: Task<Workspace, any Error>?
    private var templates: [Kind: Task<String, any Error>] = [:]

    /// Copies an empty cluster to `destination`, which must not exist.
    func copy(_ kind: Kind, to destination: String) async throws {
        let template = try await template(kind)
        try await Command.run(
            Launch(
                executable: "/bin/cp", arguments: ["-a", "--sparse=always", template, destination],
                user: .forServers))
    }

    private func template(_ kind: Kind) async throws -> String {
        if let template = templates[kind] { return try await template.value }
        let workspace = workspace ?? Task { try await Workspace.create(prefix: "postgres-template") }
        self.workspace = workspace
        let template = Task { try await Self.initialize(kind, in: workspace.value) }
        templates[kind] = template
        do {
            return try await template.value
        } catch {
            // The next caller then tries again, and does not hear of an old failure.
            templates[kind] = nil
            throw error
        }
    }

    private static func initialize(_ kind: Kind, in workspace: Workspace) async throws -> String {
        let folder = try workspace.makeFolder("cluster")
        try await Command.run(
            Launch(
                executable: "\(kind.programs)/initdb",
                arguments: [
                    "--pgdata=\(folder)/data", "--username=postgres", "--auth=trust", "--no-sync",
                    "--encoding=\(kind.encoding)", "--locale=\(kind.locale)",
                ], workingDirectory: folder, user: .forServers))
        return "\(folder)/data"
    }
}
