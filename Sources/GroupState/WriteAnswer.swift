package import CacheRefresh
package import RedisClient

/// The answer of `write.lua`.
package enum WriteAnswer: Hashable, Sendable {
    case done(BatchOutcome)
    case gap
    case fenced(epoch: String)

    /// An answer that the script does not give: another program's script, or a proxy's invention.
    struct Unintelligible: Error, Hashable, Sendable, CustomStringConvertible {
        let answer: RedisValue

        var description: String {
            "Redis answered what the write script never answers: check that it is a Redis, and no proxy that changes answers"
        }
    }

    package init(_ value: RedisValue) throws {
        guard case .array(let fields) = value, let word = fields.first?.string else {
            throw Unintelligible(answer: value)
        }
        switch word {
        case "OK":
            guard fields.count == 4, case .array(let failures) = fields[1], case .array(let kept) = fields[2],
                case .array(let missing) = fields[3]
            else { throw Unintelligible(answer: value) }
            self = .done(
                BatchOutcome(
                    failures: Self.pairs(failures).map {
                        .init(operation: Int($0.int ?? -1), message: $1.string ?? "")
                    },
                    kept: Self.pairs(kept).map { .init(operation: Int($0.int ?? -1), ttlMilliseconds: $1.int ?? 0) },
                    missing: missing.compactMap(\.int).map { Int($0) }))
        case "GAP":
            self = .gap
        case "FENCED":
            self = .fenced(epoch: fields.count > 1 ? fields[1].string ?? "" : "")
        default:
            throw Unintelligible(answer: value)
        }
    }

    private static func pairs(_ values: [RedisValue]) -> [(RedisValue, RedisValue)] {
        stride(from: 0, to: values.count - 1, by: 2).map { (values[$0], values[$0 + 1]) }
    }
}
