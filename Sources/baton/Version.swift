internal import BatonConfiguration
internal import GroupState

/// The answer of `baton --version`.
enum Version {
    static var text: String {
        let formats = [(name: "configuration", number: Configuration.version)] + Formats.all
        let list = formats.map { "\($0.name) \($0.number)" }.joined(separator: ", ")
        return "baton \(Formats.version) (\(BuildInfo.commit))\nformats: \(list)"
    }
}
