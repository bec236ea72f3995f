package import Formatting
internal import JSON

/// The statistics of a leader's datasets: kept in Redis for a while, for anybody who asks.
package struct GroupStatistics: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let dataset: String
        package let statistics: DatasetStatistics

        package init(dataset: String, statistics: DatasetStatistics) {
            self.dataset = dataset
            self.statistics = statistics
        }
    }

    static let format = 1

    /// The epoch of the leader's term.
    package let epoch: String
    /// The entries in the order of the datasets' names.
    package let entries: [Entry]

    package init(epoch: String, entries: [Entry]) {
        self.epoch = epoch
        self.entries = entries.sorted { $0.dataset < $1.dataset }
    }

    /// - Parameter text: as ``text`` writes it; nil for anything else and for a newer form.
    package init?(_ text: some Collection<UInt8>) {
        guard let fields = JSONValue(parsing: text), let format = fields["format"]?.double,
            format < Double(Self.format + 1), let epoch = fields["epoch"]?.string,
            case .object(let datasets)? = fields["datasets"]
        else { return nil }
        let entries = datasets.compactMap { name, value in
            DatasetStatistics(value).map { Entry(dataset: String(decoding: name, as: UTF8.self), statistics: $0) }
        }
        guard entries.count == datasets.count else { return nil }
        self.init(epoch: epoch, entries: entries)
    }

    package var text: String {
        JSONText.fields(["format": .number(Self.format), "epoch": .text(epoch), "datasets": json]).compact
    }

    package var json: JSONText { .object(entries.map { JSONText.Member(name: $0.dataset, value: $0.statistics.json) }) }

    /// The table for people.
    package var table: [String] {
        TextLayout.table(
            header: ["DATASET", "PASSES", "PASS", "LONGEST", "INTERVAL", "QUERIES/S", "WRITES/S", "FAILED"],
            entries.map { entry in
                let statistics = entry.statistics
                return [
                    entry.dataset.shown, "\(statistics.passes)", Self.time(statistics.passMilliseconds),
                    Self.time(statistics.longestPassMilliseconds), Self.time(statistics.intervalMilliseconds),
                    Self.rate(statistics.queriesPerSecond), Self.rate(statistics.writesPerSecond),
                    "\(statistics.failures)",
                ]
            })
    }

    /// `0.4 ms`, `12 ms`, `1.25 s`
    private static func time(_ milliseconds: Double?) -> String {
        guard let milliseconds else { return "-" }
        if milliseconds < 9.95 { return "\(TextLayout.decimal(milliseconds, places: 1)) ms" }
        if milliseconds < 999.5 { return "\(Int(milliseconds.rounded())) ms" }
        return "\(TextLayout.decimal(milliseconds / 1000, places: 2)) s"
    }

    private static func rate(_ perSecond: Double) -> String {
        perSecond < 99.95
            ? TextLayout.decimal(perSecond, places: 1) : TextLayout.grouped(Int(perSecond.rounded()))
    }
}
