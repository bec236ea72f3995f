internal import Daemon

/// What `baton --version` says.
enum Version {
    static let number = "0.1.0"

    static var text: String {
        let formats = Formats.all.map { "\($0.name) \($0.number)" }.joined(separator: ", ")
        return "baton \(number) (\(BuildInfo.commit))\nformats: \(formats)"
    }
}
