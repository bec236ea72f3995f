internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import GroupState
internal import RedisClient

extension CacheTools {
    /// Whether, when and from where what was cleared comes back.
    func returning(_ report: ClearReport) async -> [String] {
        var remarks: [String] = []
        let switchedOff = configuration?.datasets.filter { !$0.isEnabled }.map(\.name) ?? []
        let keepers = report.parts.reduce(into: Set<String>()) { $0.formUnion($1.keepers) }.sorted()
            .filter { !switchedOff.contains($0) }
        let isGuessed = configuration == nil && report.count > 0
        if !keepers.isEmpty || isGuessed {
            let what = keepers.isEmpty ? "keys that Baton keeps" : "the keys of \(keepers.joined(separator: ", "))"
            do {
                let view = try await RedisClient.brief(lease) { client -> GroupView? in
                    guard try await isManaged(client.connection()) else { return nil }
                    return try await GroupView.read(configuration?.group ?? "", keys, client)
                }
                remarks.append(view.map { returning(what, $0) } ?? nobodyTold)
            } catch {
                remarks.append("Whether a replica leads is not known (\(error)): \(what) come back with its next pass.")
            }
            let filtered = places.flatMap(\.families).filter(\.isFiltered).names
            for name in keepers where filtered.contains(name) {
                remarks.append("\(name) has a filter: rows that it leaves out come back only when they match it again.")
            }
        }
        let others = report.parts.flatMap(\.touched).filter { $0.keeper == .application }.names
        if !others.isEmpty {
            remarks.append("Keys of \(others.joined(separator: ", ")) come back when the application needs them.")
        }
        return remarks
    }

    private var nobodyTold: String {
        "No leader was told, as no group has its fence there under the prefix and name \(keys.fence.quoted). If Baton keeps such keys, "
            + "clear them with its configuration, or with --key-prefix and --group."
    }

    private func returning(_ what: String, _ view: GroupView) -> String {
        guard let leader = view.leader else {
            if configuration == nil {
                return
                    "Nobody leads at this Redis. A leader whose lease is at another one was told: \(what) come back with its next pass."
            }
            return "Nobody leads now: \(what) come back only once a replica leads, with its first pass."
        }
        if let pause = view.pause {
            return "The group is paused until \(WallClock(pause.untilMilliseconds).date): \(what) come back after that."
        }
        return "\(leader.name) leads and was told: \(what) come back with its next pass."
    }
}
