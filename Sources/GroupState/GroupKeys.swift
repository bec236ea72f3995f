/// The names of what a group keeps in Redis. All bear the group's hash tag; the prefix goes before everything.
package struct GroupKeys: Hashable, Sendable {
    /// The key that says who leads.
    package let lease: String
    /// The hash that says which write is accepted next; one on every target.
    package let fence: String
    /// The hash that says how far each dataset was read.
    package let marks: String
    /// The stream that tells the group's history.
    package let events: String
    /// The text that says whose leader seems to be gone, or that it says it is alive; with a TTL.
    package let suspect: String
    /// The hash in which operators leave their requests: on the Redis of the lease those about leading, on each Redis
    /// those for the datasets that it holds.
    package let requests: String
    /// The hash in which is noted what people took out of the cache on that Redis, or put into it, so that the leader
    /// looks at it again; with a TTL.
    package let cleared: String
    /// The hash that says which replicas there are.
    package let replicas: String
    /// The text that says how the leader's datasets fared within the last minute; with a TTL.
    package let statistics: String
    /// The beginning of keys, and a channel, that are there only while somebody tries whether they could be.
    package let trial: String
    /// A key that never holds anything: with it is tried what a server would do.
    package let tried: String
    /// The channel on which the token of a resigned lease is published.
    package let released: String
    /// The channel on which the text of a new lease is published.
    package let elected: String
    /// The channel on which a new request is announced.
    package let requested: String
    /// The beginning that all of them have.
    package let beginning: String

    /// - Parameters:
    ///   - prefix: `keyPrefix` of the configuration, such as `staging:`; may be empty.
    ///   - group: the group's name.
    package init(prefix: String, group: String) {
        let base = "\(prefix){baton:\(group)}:"
        lease = base + "lease"
        fence = base + "fence"
        marks = base + "marks"
        events = base + "events"
        suspect = base + "suspect"
        requests = base + "requests"
        cleared = base + "cleared"
        replicas = base + "replicas"
        statistics = base + "statistics"
        tried = base + "tried"
        trial = base + "trial"
        released = base + "released"
        elected = base + "elected"
        requested = base + "requested"
        beginning = base
    }

    /// The channel that the leader of a term listens to, so that its silence shows when its process is gone.
    package func live(_ token: some CustomStringConvertible) -> String { "\(beginning)live:\(token)" }

    /// The field of ``requests`` that confirms the deletions of a dataset; its value is the time of the confirmation, in
    /// milliseconds by the clock of Redis.
    package static func confirmation(of dataset: String) -> String { "confirm:\(dataset)" }

    /// All keys of the group's own that may be beside cached ones.
    package var all: [String] { [lease, fence, marks, events, suspect, requests, cleared, replicas, statistics] }

    /// Whether a key is one of Baton's own, of whatever group.
    package static func isOwn(_ key: [UInt8]) -> Bool {
        guard let brace = key.firstIndex(of: UInt8(ascii: "{")) else { return false }
        let rest = key[brace...]
        // A group's name is in a hash tag; what stands before it is the prefix, which has no braces.
        return rest.starts(with: "{baton:".utf8) && rest.contains(UInt8(ascii: "}"))
    }
}
