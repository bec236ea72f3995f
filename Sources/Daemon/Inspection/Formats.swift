internal import CacheRefresh

/// The numbers of the forms in which versions of Baton talk to each other and to people.
///
/// A replica that meets a higher number of the lease stays follower; unknown fields are ignored.
public enum Formats {
    /// The version of Baton itself.
    public static let version = "0.1.0"
    /// Of the configuration files: their `version`.
    public static let configuration = Configuration.version
    /// Of the lease's text, as `lease.lua` has it.
    public static let lease = 1
    /// Of the fence's fields and of what `write.lua` is called with.
    public static let fence = 1
    /// Of the marks that a leader leaves for the next one.
    public static let mark = Mark.format

    /// All of them, in the order in which they are shown.
    public static let all = [
        (name: "configuration", number: configuration), (name: "lease", number: lease), (name: "fence", number: fence),
        (name: "mark", number: mark),
    ]
}
