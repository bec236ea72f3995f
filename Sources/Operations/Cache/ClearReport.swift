internal import CacheRefresh
package import Formatting
internal import RedisClient

/// The report of `baton cache clear`.
package struct ClearReport: Sendable {
    /// The keys that were cleared at one Redis.
    struct Part: Sendable {
        let place: CacheTools.Place
        let families: [CacheFamily]
        /// How many keys went of each family, in their order; the last: of none.
        private(set) var counts: [Int]
        /// Keys of which nobody knows whether they went: the connection was lost before the answer.
        var uncertain = 0
        /// The datasets whose leader was told.
        var keepers: Set<String> = []
        /// How many of Baton's own keys matched. They stayed.
        var own = 0

        init(place: CacheTools.Place, families: [CacheFamily]) {
            self.place = place
            self.families = families
            counts = Array(repeating: 0, count: families.count + 1)
        }

        mutating func count(_ keys: Int, of family: Int?) { counts[family ?? families.count] += keys }

        var total: Int { counts.reduce(0, +) }
        /// The families of which keys were cleared.
        var touched: [CacheFamily] { zip(families, counts).filter { $0.1 > 0 }.map(\.0) }
    }

    let plan: ClearPlan
    var parts: [Part] = []
    var remarks: [String] = []
    /// How many keys are in the backup; nil without one.
    var backedUp: Int?
    /// Why it ended before its end.
    var trouble: String?
    private var troubleStatus = ExitStatus.done

    init(plan: ClearPlan) { self.plan = plan }

    mutating func fail(_ error: any Error) {
        guard trouble == nil else { return }
        trouble = "\(error)"
        troubleStatus = ExitStatus(error)
    }

    package var count: Int { parts.reduce(0) { $0 + $1.total } }
    /// Keys of which nobody knows whether they went.
    var uncertain: Int { parts.reduce(0) { $0 + $1.uncertain } }
    /// `done`; `no` if there was nothing to clear; that of the error if it ended before its end.
    package var status: ExitStatus { trouble != nil ? troubleStatus : count > 0 ? .done : .no }

    /// The whole on one line, for the history.
    var summary: String {
        let families = parts.flatMap { part in
            zip(part.families.map(\.form.text) + ["other keys"], part.counts).filter { $0.1 > 0 }.map { "\($0) \($1)" }
        }
        return "\(TextLayout.count(count, "key")): \(families.joined(separator: ", "))"
            + (uncertain > 0 ? ", of \(uncertain) more nobody knows" : "")
            + (trouble == nil ? "" : " (ended early)")
    }

    package func text(_ layout: TextLayout = TextLayout(), columns: Int? = nil) -> String {
        var lines: [String] = []
        for part in parts {
            lines.append("Cleared \(TextLayout.count(part.total, "key")) at \(part.place.description)")
            let rows = zip(part.families.map { Optional($0) } + [nil], part.counts).filter { $0.1 > 0 }.map {
                [$0?.name ?? "–", $0?.form.text ?? "(no family)", TextLayout.grouped($1)]
            }
            if !rows.isEmpty {
                lines +=
                    [""] + CacheText.table(header: ["FAMILY", "KEYS LIKE", "CLEARED"], rows, columns: columns) + [""]
            }
            if part.uncertain > 0 {
                lines += layout.entry(
                    "unknown",
                    [
                        "Whether \(TextLayout.count(part.uncertain, "more key")) went is not known: the connection was lost."
                    ],
                    .yellow)
            }
            if part.own > 0 {
                lines += layout.entry(
                    "note", ["\(TextLayout.count(part.own, "key")) of Baton's own matched, and stayed."])
            }
        }
        if let backedUp {
            lines += layout.entry("backup", ["\(TextLayout.count(backedUp, "key")) in \(plan.request.backup ?? "")"])
        }
        for remark in remarks { lines += layout.entry("note", [remark]) }
        if let trouble { lines += layout.entry("failed", [trouble, "Clearing again goes on where this ended."], .red) }
        return lines.joined(separator: "\n") + "\n"
    }

    package var json: String {
        JSONText.fields([
            "cleared": .number(count),
            "uncertain": .number(uncertain),
            "families": .array(parts.flatMap { CacheText.families($0.place, $0.families, $0.counts) }),
            "backup": plan.request.backup.map { .text($0) } ?? .null,
            "failure": trouble.map { .text($0) } ?? .null,
            "notes": .texts(plan.remarks + remarks),
        ]).rendered + "\n"
    }
}
