/// A file that holds one secret, which may be exchanged at any time: it is read again whenever the secret is needed.
struct SecretFile: Hashable, Sendable {
    /// The file's path as the operating system takes it.
    let path: String

    /// What the file holds now, without one line break at its end. May block.
    ///
    /// - Throws: what is wrong, such as `cannot be read: No such file or directory`.
    func text() throws(SettingRefusal) -> String {
        var text = try SmallFile.text(path, limit: 64 << 10)
        if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    /// What the file holds now, as the setting that it stands for.
    func value<Value>(_ format: SettingFormat<Value>) throws(SettingRefusal) -> Value {
        do throws(SettingRefusal) {
            return try format.parse(try text())
        } catch {
            throw SettingRefusal("\(path.quoted) \(error.problem)", remedy: error.remedy)
        }
    }
}
