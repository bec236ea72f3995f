internal import LocalStack

/// A folder with some files for as long as somebody needs it; it is removed also if this process is killed.
public enum ExampleFolder {
    /// - Parameter files: their texts, by name.
    public static func with<Result>(
        _ files: [String: String], _ body: (_ folder: String) async throws -> Result
    ) async throws -> Result {
        let workspace = try await Workspace.create(prefix: "baton-example")
        do {
            for (name, text) in files { _ = try workspace.write(text, to: name) }
            let result = try await body(workspace.path)
            await workspace.close()
            return result
        } catch {
            await workspace.close()
            throw error
        }
    }
}
