/// Keeps other users of the machine out of our servers: whoever may run programs may connect to their ports.
public enum LocalPassword {
    /// The password of all servers that this process starts, unless they are told another. It is random, and holds
    /// lowercase letters and digits only.
    public static let ofThisProcess: String = {
        let symbols = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<24).map { _ in symbols[Int.random(in: 0..<symbols.count)] })
    }()
}
