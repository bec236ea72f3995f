package import BatonConfiguration
internal import Glibc
internal import Testing

/// Configuration files in a folder of their own, removed with the value.
package final class ConfigurationFixture {
    package let folder: String

    package static let plain = """
        version: 1
        postgres: { url: "postgresql://baton@db/app" }
        redis: { main: { url: "redis://127.0.0.1" } }

        """

    package static let plainDatasets = """
        version: 1
        datasets:
          shops: { table: shops, key: "shop:{id}" }

        """

    package init(_ main: String = plain, datasets: String? = plainDatasets) throws {
        folder = try #require(Self.makeFolder())
        try write(main, to: "baton.yaml")
        if let datasets { try write(datasets, to: "datasets.yaml") }
    }

    deinit {
        for name in names { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    private var names: [String] = []

    /// - Returns: the path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws -> String {
        let path = "\(folder)/\(name)"
        let file = try #require(fopen(path, "w"))
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        names.append(name)
        return path
    }

    package func load(_ environment: [String: String] = [:]) throws(ConfigurationErrors) -> Configuration {
        try Configuration.load(path: "\(folder)/baton.yaml", environment: environment)
    }

    /// The lines that refuse the files, as if they were in the working directory; empty if they are accepted.
    package func refusals(_ environment: [String: String] = [:]) -> [String] {
        do throws(ConfigurationErrors) {
            _ = try load(environment)
            return []
        } catch {
            return error.mistakes.map { $0.description.replacing("\(folder)/", with: "") }
        }
    }

    private static func makeFolder() -> String? {
        var template = Array("/tmp/baton-configuration-XXXXXX".utf8CString)
        return mkdtemp(&template).map { String(cString: $0) }
    }

    /// The root of the repository.
    package static let repository: String = {
        let tests = #filePath.ranges(of: "/Tests/").last
        return String(#filePath[..<(tests?.lowerBound ?? #filePath.endIndex)])
    }()

    package static func read(_ path: String) throws -> String {
        let file = try #require(fopen("\(repository)/\(path)", "r"), "\(path) is missing")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte >= 0 { bytes.append(UInt8(byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
