internal import Daemon

/// What `baton --version` says.
enum Version {
    static var text: String {
        let formats = Formats.all.map { "\($0.name) \($0.number)" }.joined(separator: ", ")
        return "baton \(Formats.version) (\(BuildInfo.commit))\nformats: \(formats)"
    }
}
