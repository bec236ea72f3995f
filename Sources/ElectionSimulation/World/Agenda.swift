/// The events to come, soonest first; of two at the same time, the one that was put down first.
///
/// It is not generic, for that would be slow in a build that optimises each file by itself, and this is the innermost
/// loop.
struct Agenda: Sendable {
    private struct Entry: Sendable {
        let time: Microseconds
        let order: Int
        let event: Simulation.Event

        func precedes(_ other: Entry) -> Bool { (time, order) < (other.time, other.order) }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var count = 0

    mutating func add(_ event: Simulation.Event, at time: Microseconds) {
        count += 1
        let entry = Entry(time: time, order: count, event: event)
        var place = entries.count
        entries.append(entry)
        while place > 0 {
            let parent = (place - 1) / 2
            guard entry.precedes(entries[parent]) else { break }
            entries[place] = entries[parent]
            place = parent
        }
        entries[place] = entry
    }

    mutating func next() -> (time: Microseconds, event: Simulation.Event)? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
            guard entries[child].precedes(last) else { break }
            entries[place] = entries[child]
            place = child
        }
        if place < entries.count { entries[place] = last }
        return (first.time, first.event)
    }
}
