/// The names of what a group keeps in Redis. All bear the group's hash tag; the prefix goes before everything.
public struct GroupKeys: Hashable, Sendable {
    /// The key that says who leads.
    public let lease: String
    /// The hash that says which write is accepted next; one on every target.
    public let fence: String
    /// The hash that says how far each dataset was read.
    public let marks: String
    /// The stream that tells the group's history.
    public let events: String
    /// The channel on which the token of a resigned lease is published.
    public let released: String
    /// The channel on which the text of a new lease is published.
    public let elected: String

    /// - Parameters:
    ///   - prefix: `keyPrefix` of the configuration, such as `staging:`; may be empty.
    ///   - group: the group's name.
    public init(prefix: String, group: String) {
        let base = "\(prefix){baton:\(group)}:"
        lease = base + "lease"
        fence = base + "fence"
        marks = base + "marks"
        events = base + "events"
        released = base + "released"
        elected = base + "elected"
    }
}
