internal import CacheRefresh

/// The numbers of the forms in which versions of Baton talk to each other and to people.
///
/// A replica that meets a higher number of the lease stays follower; unknown fields are ignored.
package enum Formats {
    /// The version of Baton itself.
    package static let version = "0.1.0"
    /// The format of the lease's text, as `lease.lua` has it.
    package static let lease = 1
    /// The format of the fence's fields and of what `write.lua` is called with.
    package static let fence = 1
    /// The format of the marks that a leader leaves for the next one.
    package static let mark = Mark.format

    /// All of them, in the order in which they are shown.
    package static let all = [
        (name: "lease", number: lease), (name: "fence", number: fence), (name: "mark", number: mark),
    ]
}
