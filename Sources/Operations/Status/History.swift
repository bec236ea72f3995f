internal import Formatting
package import RedisClient

/// The report of `baton history`: the group's events, as its replicas and operators appended them.
package struct History: Sendable {
    package struct Entry: Hashable, Sendable {
        /// The time by the clock of Redis, in milliseconds since 1970.
        package let timeMilliseconds: Int64
        /// The event's name, such as `elected`, `resigned`, `lost`, `paused`.
        package let event: String
        /// The replica, or the operator.
        package let who: String
        package let epoch: String
        package let reason: String
    }

    package let entries: [Entry]

    /// The history for people.
    package var text: String {
        guard !entries.isEmpty else { return "There are no events: no replica of this group has led yet.\n" }
        let lines = TextLayout.table(
            header: ["TIME", "EVENT", "WHO", "EPOCH", "REASON"],
            entries.map { entry in
                [
                    WallClock(entry.timeMilliseconds).date, entry.event.shown, entry.who.shown, entry.epoch.shown,
                    entry.reason.shown,
                ]
            })
        return lines.joined(separator: "\n") + "\n"
    }

    /// The history for programs.
    package var json: String {
        JSONText.array(
            entries.map { entry in
                .fields([
                    "timeMilliseconds": .number(Int(entry.timeMilliseconds)), "event": .text(entry.event),
                    "who": .text(entry.who), "epoch": .text(entry.epoch), "reason": .text(entry.reason),
                ])
            }
        ).rendered + "\n"
    }
}

extension History.Entry {
    /// An entry of a stream: its id, then names and values in turn.
    package init?(_ value: RedisValue) {
        guard let parts = value.array, parts.count == 2, let time = parts[0].string?.split(separator: "-").first,
            let milliseconds = Int64(time),
            let fields = parts[1].array?.map({ String(decoding: $0.bytes ?? [], as: UTF8.self) })
        else { return nil }
        func field(_ name: String) -> String {
            let place = stride(from: 0, to: fields.count - 1, by: 2).first { fields[$0] == name }
            return place.map { fields[$0 + 1] } ?? ""
        }
        self.init(
            timeMilliseconds: milliseconds, event: field("event"), who: field("holder"), epoch: field("epoch"),
            reason: field("reason"))
    }
}
