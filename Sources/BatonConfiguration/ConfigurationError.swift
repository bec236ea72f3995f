internal import Formatting

/// Where a piece of the configuration was written.
package enum ConfigurationLocation: Hashable, Sendable, CustomStringConvertible {
    /// A place in a file, with the path under which it was opened. Lines and columns count from 1; a column is a
    /// Unicode scalar.
    case file(String, line: Int, column: Int)
    /// An environment variable, by its name.
    case variable(String)
    /// The file as a whole: it could not be read.
    case unreadable(String)

    package var description: String {
        switch self {
        case .file(let path, let line, let column): "\(path):\(line):\(column)"
        case .variable(let name): name
        case .unreadable(let path): path
        }
    }
}

/// One mistake in the configuration. It never holds the value of a secret.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let location: ConfigurationLocation
    /// What the mistake is about, such as `lease.ttl`; empty for a whole file.
    package let path: String
    /// What is wrong, without a full stop.
    package let problem: String
    /// What to do about it, without a full stop.
    package let remedy: String

    init(_ location: ConfigurationLocation, _ path: String, _ problem: String, remedy: String) {
        self.location = location
        self.path = path
        self.problem = problem
        self.remedy = remedy
    }

    /// `file:line:column: path: what is wrong. What to do.`, or the variable's name instead of file and line.
    package var description: String {
        "\(location): \(path.isEmpty ? "" : path + ": ")\(problem). \(remedy)\(remedy.hasSuffix("?") ? "" : ".")"
    }
}

/// Everything that is wrong with a configuration: at least one mistake, in the order of the files.
package struct ConfigurationErrors: Error, Hashable, Sendable, CustomStringConvertible {
    package let mistakes: [ConfigurationError]

    /// - Parameter mistakes: in the order found; mistakes in files are put into the order of their lines.
    init(_ mistakes: [ConfigurationError]) {
        var files: [String] = []
        for case .file(let path, _, _) in mistakes.map(\.location) where !files.contains(path) { files.append(path) }
        func place(_ mistake: (offset: Int, element: ConfigurationError)) -> (Int, Int, Int, Int) {
            switch mistake.element.location {
            case .unreadable: (-1, 0, 0, mistake.offset)
            case .file(let path, let line, let column):
                (files.firstIndex(of: path) ?? 0, line, column, mistake.offset)
            case .variable: (files.count, 0, 0, mistake.offset)
            }
        }
        self.mistakes = mistakes.enumerated().sorted { place($0) < place($1) }.map(\.element)
    }

    /// One line a mistake.
    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}

/// Why a text is no value of its kind: what is wrong and what to do, without location and full stops.
package struct SettingRefusal: Error {
    package let problem: String
    package let remedy: String

    init(_ problem: String, remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }
}

extension String {
    /// The text as errors quote it: in backquotes, escaped as by ``KeyText/shown(_:limit:)``, shortened.
    package var quoted: String {
        "`\(String(String.UnicodeScalarView(unicodeScalars.prefix(60))).shown)\(unicodeScalars.count > 60 ? "…" : "")`"
    }
}
