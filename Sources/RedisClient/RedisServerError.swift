/// An error that a server answered instead of a result.
public struct RedisServerError: Hashable, Sendable {
    /// The error's first word, in capitals: `NOSCRIPT`, `OOM`, `ERR`…; empty if the server began without one.
    public let prefix: String
    /// The rest of the server's text. Servers repeat arguments in some of them: think before showing it.
    public let message: String

    /// An error with these two parts.
    public init(prefix: String, message: String) {
        self.prefix = prefix
        self.message = message
    }

    /// Takes the line apart that follows the protocol's `-`.
    init(line: String) {
        let word = line.prefix { $0 != " " }
        let isPrefix = !word.isEmpty && word.utf8.allSatisfy { $0.isCapital || $0.isDigit || $0 == UInt8(ascii: "_") }
        self.prefix = isPrefix ? String(word) : ""
        self.message = isPrefix ? String(line.dropFirst(word.count + 1)) : line
    }
}

extension RedisServerError: CustomStringConvertible {
    /// The server's whole text.
    public var description: String {
        if self.prefix.isEmpty { return self.message }
        return self.message.isEmpty ? self.prefix : "\(self.prefix) \(self.message)"
    }
}

extension RedisServerError {
    /// The kind of trouble that a server reports, for callers that treat the kinds differently.
    public enum Kind: Hashable, Sendable, CaseIterable {
        /// `LOADING`: it is reading its data from disk; passes.
        case loading
        /// `READONLY`: it is a replica; writes belong elsewhere.
        case readOnly
        /// `MASTERDOWN`: it is a replica that lost its upstream and was told not to answer from old data.
        case masterDown
        /// `NOREPLICAS`: too few replicas are connected for it to accept writes.
        case noReplicas
        /// `OOM`: its `maxmemory` is reached and nothing may be evicted.
        case outOfMemory
        /// `MISCONF`: it cannot save to disk and refuses writes.
        case misconfigured
        /// `BUSY`: a script runs for too long.
        case busy
        /// `NOAUTH`: it wants a password, or the user was removed while connected.
        case noAuth
        /// `WRONGPASS`: user name or password are wrong, or the user is switched off.
        case wrongPassword
        /// `NOPERM`: the user may not do this with this key or channel.
        case noPermission
        /// `MOVED`, `ASK`, `CROSSSLOT`, `CLUSTERDOWN`: it is a node of a cluster.
        case cluster
        /// `TRYAGAIN`: a cluster is moving the keys just now; passes.
        case tryAgain
        /// `NOSCRIPT`: it does not know the script's SHA (any more).
        case noScript
        /// `WRONGTYPE`: the key holds another type of value.
        case wrongType
        /// It does not know the command: renamed, taken away, or too old for it; scripts are told so too.
        case unknownCommand
        /// Everything else: `ERR` and errors that scripts make themselves.
        case other
    }

    /// The error's kind. Servers before version 7 wrap a script's errors into `ERR Error running script …: -OOM …`;
    /// these are looked into. What a user may not do inside of a script is an `ERR`, too.
    public var kind: Kind {
        if let kind = Self.kinds[self.prefix] { return kind }
        guard self.prefix == "ERR" else { return .other }
        if Self.scriptDenials.contains(where: { self.message.contains($0) }) { return .noPermission }
        if Self.unknownCommands.contains(where: { self.message.contains($0) }) { return .unknownCommand }
        guard self.message.hasPrefix("Error running script") else { return .other }
        for word in self.message.split(separator: " ") {
            if let kind = Self.kinds[word.hasPrefix("-") ? String(word.dropFirst()) : String(word)] { return kind }
        }
        return .other
    }

    /// What Redis 6 and 7.0 say, and what later ones do.
    private static let scriptDenials = ["The user executing the script can't", "ACL failure in script"]

    /// How Redis says that it does not know a command, in scripts and outside of them.
    private static let unknownCommands = ["Unknown Redis command", "unknown command"]

    private static let kinds: [String: Kind] = [
        "LOADING": .loading, "READONLY": .readOnly, "MASTERDOWN": .masterDown, "NOREPLICAS": .noReplicas,
        "OOM": .outOfMemory, "MISCONF": .misconfigured, "BUSY": .busy, "NOAUTH": .noAuth,
        "WRONGPASS": .wrongPassword, "NOPERM": .noPermission, "MOVED": .cluster, "ASK": .cluster,
        "CROSSSLOT": .cluster, "CLUSTERDOWN": .cluster, "TRYAGAIN": .tryAgain, "NOSCRIPT": .noScript,
        "WRONGTYPE": .wrongType,
    ]
}

extension UInt8 {
    fileprivate var isCapital: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
}
