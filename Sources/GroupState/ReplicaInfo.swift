internal import Formatting
internal import JSON

/// The entry of a replica in its group, by which operators and the other replicas know of it.
package struct ReplicaInfo: Hashable, Sendable {
    /// How far the work of a leader is with an operator's request to pause.
    package enum Pause: String, Sendable {
        case none
        /// Passes that had begun are coming to their end.
        case pausing
        case paused
    }

    /// Whether it reaches everything that a leader's work needs.
    package enum Ability: String, Sendable {
        /// It has not tried: nobody wanted to know.
        case untried
        case able
        case unable
    }

    /// The id of the process; two replicas may bear the same name.
    package let id: String
    package let name: String
    package let version: String
    /// The revision of the datasets that it would refresh.
    package let revision: String
    /// When the process began, in milliseconds since 1970 by the clock of its machine.
    package let startedMilliseconds: Int64
    /// One of the states of an election.
    package var state = "follower"
    /// The epoch of the term that it leads; empty if it does not lead.
    package var epoch = ""
    package var pause = Pause.none
    package var ability = Ability.untried
    /// The servers that the work needs and it can't reach: `postgres`, or a Redis by its name in the configuration.
    package var missing: [String] = []
    /// When it gave the lease up because it could not work, by the clock of Redis; those that still matter.
    package var gaveUpMilliseconds: [Int64] = []
    /// When it was last seen, in milliseconds since 1970 by the clock of Redis; not said by itself.
    package var seenMilliseconds: Int64 = 0

    /// More of them are not named, so that what a replica says of itself stays a note.
    private static let mostMissing = 50

    package init(id: String, name: String, version: String, revision: String, startedMilliseconds: Int64) {
        self.id = id
        self.name = name
        self.version = version
        self.revision = revision
        self.startedMilliseconds = startedMilliseconds
    }

    /// The members of a JSON object, without braces.
    package var members: String {
        var members: [(String, String)] = [
            ("name", name), ("state", state), ("epoch", epoch), ("version", version), ("revision", revision),
            ("started", "\(startedMilliseconds)"), ("pause", pause.rawValue),
        ]
        if ability != .untried { members.append(("ability", ability.rawValue)) }
        if !missing.isEmpty { members.append(("missing", missing.prefix(Self.mostMissing).joined(separator: " "))) }
        if !gaveUpMilliseconds.isEmpty {
            members.append(("gaveUp", gaveUpMilliseconds.map { "\($0)" }.joined(separator: " ")))
        }
        return members.map { "\"\($0)\":\(JSONText.text($1).rendered)" }.joined(separator: ",")
    }

    /// - Parameter json: as `present.lua` keeps it; nil for anything else. Unknown members are ignored.
    package init?(id: String, json: some Collection<UInt8>) {
        guard let fields = KeptNote.read(json), let name = fields["name"]?.string,
            let seen = KeptNumber.read(fields["seen"]?.string),
            let started = fields["started"] == nil ? 0 : KeptNumber.read(fields["started"]?.string)
        else { return nil }
        self.init(
            id: id, name: name, version: fields["version"]?.string ?? "", revision: fields["revision"]?.string ?? "",
            startedMilliseconds: started)
        state = fields["state"]?.string ?? ""
        epoch = fields["epoch"]?.string ?? ""
        pause = fields["pause"]?.string.flatMap { Pause(rawValue: $0) } ?? .none
        ability = fields["ability"]?.string.flatMap { Ability(rawValue: $0) } ?? .untried
        missing = (fields["missing"]?.string ?? "").split(separator: " ").map(String.init)
        gaveUpMilliseconds = (fields["gaveUp"]?.string ?? "").split(separator: " ").compactMap {
            KeptNumber.read(String($0))
        }
        seenMilliseconds = seen
    }
}
