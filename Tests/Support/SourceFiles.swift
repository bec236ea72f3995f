internal import Glibc
internal import Testing

/// The repository's own files, for tests that search them.
package enum SourceFiles {
    /// The folders of the targets that the daemon is made of.
    package static let layers = [
        "Formatting", "BatonConfiguration", "GroupState", "DatasetReading", "Telemetry", "ElectionRuntime",
        "RefreshRuntime", "StatusServer", "Operations", "Daemon",
    ].map { "Sources/\($0)" }

    /// Paths below the repository: those that are named, and all in the folders that are.
    package static func all(in places: [String]) throws -> [String] { try places.flatMap(files) }

    private static func files(in place: String) throws -> [String] {
        guard let directory = opendir("\(ConfigurationFixture.repository)/\(place)") else { return [place] }
        defer { closedir(directory) }
        var paths: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { paths += try files(in: "\(place)/\(name)") }
        }
        return paths
    }
}
