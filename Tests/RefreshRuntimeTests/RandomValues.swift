import TestSupport
import Testing

/// Random texts that the input functions of PostgreSQL's types read, extremes among them.
enum RandomValues {
    struct Kind: Sendable {
        let type: String
        let value: @Sendable (inout SplitMix) -> String

        init(_ type: String, _ value: @escaping @Sendable (inout SplitMix) -> String) {
            (self.type, self.value) = (type, value)
        }

        /// One of these, each as likely as a random one.
        init(_ type: String, _ odd: [String], _ value: @escaping @Sendable (inout SplitMix) -> String) {
            self.init(type) { random in
                let choice = Int.random(in: 0...odd.count, using: &random)
                return choice < odd.count ? odd[choice] : value(&random)
            }
        }

        init(_ type: String, oneOf values: [String]) {
            self.init(type) { values[Int.random(in: 0..<values.count, using: &$0)] }
        }
    }

    // MARK: Parts

    static func number(_ range: ClosedRange<Int64>, _ random: inout SplitMix) -> String {
        "\(Int64.random(in: range, using: &random))"
    }

    static func digits(_ count: Int, _ random: inout SplitMix) -> String {
        String((0..<count).map { _ in Character("\(Int.random(in: 0...9, using: &random))") })
    }

    static let pieces =
        (1...0x7F).map { String(UnicodeScalar(UInt8($0))) } + [
            "\\N", "\\", "\"", "\\u0041", "\\.", "\t", "\r\n", "\u{80}", "\u{9F}", "ü", "\u{2028}", "\u{2029}", "日本",
            "🙂", "e\u{301}",
            "\u{10FFFF}", "\u{FEFF}", "</script>", "'", "''", "{}", "null", "\u{FFFD}",
        ]

    static func text(_ random: inout SplitMix) -> String {
        (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)]
        }
        .joined()
    }

    static func word(_ random: inout SplitMix) -> String {
        String((0..<Int.random(in: 1...4, using: &random)).map { _ in "abcxyzÄß1_".randomElement(using: &random)! })
    }

    static func padded(_ number: Int, _ width: Int = 2) -> String {
        String(repeating: "0", count: max(0, width - "\(number)".count)) + "\(number)"
    }

    /// A day with years BC to `lastYear`.
    static func day(_ random: inout SplitMix, lastYear: Int) -> (String, era: String) {
        let isOld = random.once(in: 4)
        let year =
            random.once(in: 3)
            ? Int.random(in: 1...lastYear, using: &random) : Int.random(in: 1800...2200, using: &random)
        let text =
            "\(padded(isOld ? year % 4713 + 1 : year, 4))-\(padded(Int.random(in: 1...12, using: &random)))-\(padded(Int.random(in: 1...28, using: &random)))"
        return (text, isOld ? " BC" : "")
    }

    static func time(_ random: inout SplitMix) -> String {
        let fraction = random.once(in: 2) ? "" : "." + digits(Int.random(in: 1...6, using: &random), &random)
        return "\(padded(Int.random(in: 0...23, using: &random))):\(padded(Int.random(in: 0...59, using: &random))):"
            + "\(padded(Int.random(in: 0...59, using: &random)))\(fraction)"
    }

    static func zone(_ random: inout SplitMix) -> String {
        let zones = ["Z", "+00", "-12", "+14", "+05:30", "+05:45", "-09:30", "+00:00:37", "+15:59", "-15:59:59"]
        return zones[Int.random(in: 0..<zones.count, using: &random)]
    }

    static func timestamp(_ random: inout SplitMix, zoned: Bool) -> String {
        let (day, era) = day(&random, lastYear: 294_275)
        let time = time(&random)
        return "\(day) \(time)\(zoned ? zone(&random) : "")\(era)"
    }

    static func interval(_ random: inout SplitMix) -> String {
        let units = ["years", "mons", "days", "hours", "secs"].shuffled(using: &random)
        return units.prefix(Int.random(in: 1...4, using: &random)).map { "\(number(-900...900, &random)) \($0)" }
            .joined(separator: " ")
    }

    static func numeric(_ random: inout SplitMix) -> String {
        let sign = random.once(in: 2) ? "-" : ""
        let fraction = random.once(in: 2) ? "." + digits(Int.random(in: 1...30, using: &random), &random) : ""
        return sign + digits(Int.random(in: 1...40, using: &random), &random) + fraction
    }

    static func double(_ random: inout SplitMix) -> String {
        let value = Double(bitPattern: random.next())
        return value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : "\(value)"
    }

    static func float(_ random: inout SplitMix) -> String {
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        return value.isNaN ? "NaN" : value.isInfinite ? "Infinity" : "\(value)"
    }

    static func quoted(_ text: String) -> String {
        "\"" + text.flatMap { "\"\\".contains($0) ? ["\\", $0] : [$0] } + "\""
    }

    /// An array literal with NULLs, and now and then other bounds or a second dimension.
    static func array(_ random: inout SplitMix, _ element: (inout SplitMix) -> String) -> String {
        func one(_ random: inout SplitMix) -> String { random.once(in: 5) ? "NULL" : quoted(element(&random)) }
        switch Int.random(in: 0...6, using: &random) {
        case 0: return "{}"
        case 1: return "[-1:0]={\(one(&random)),\(one(&random))}"
        case 2: return "{{\(one(&random)),\(one(&random))},{\(one(&random)),\(one(&random))}}"
        default:
            return "{\((0..<Int.random(in: 1...4, using: &random)).map { _ in one(&random) }.joined(separator: ","))}"
        }
    }

    static func range(_ random: inout SplitMix, _ low: String, _ high: String) -> String {
        switch Int.random(in: 0...4, using: &random) {
        case 0: "empty"
        case 1: "(,)"
        case 2: "[\(quoted(low)),)"
        case 3: "(\(quoted(low)),\(quoted(high))]"
        default: "[\(quoted(low)),\(quoted(high))]"
        }
    }

    static func intRange(_ random: inout SplitMix) -> String {
        range(&random, number(-1000...0, &random), number(1...1000, &random))
    }

    static func jsonText(_ random: inout SplitMix) -> String {
        let escapes = [
            "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0041", "\\u00fc", "\\u2028", "\\ud83d\\ude42",
            "\\u001f", "ü",
            "🙂", " ", "a", "\u{7F}", "'", "\u{2029}",
        ]
        return "\""
            + (0..<Int.random(in: 0...5, using: &random)).map { _ in
                escapes[Int.random(in: 0..<escapes.count, using: &random)]
            }.joined()
            + "\""
    }

    static func json(_ random: inout SplitMix, depth: Int = 3) -> String {
        let space = ["", " ", "\n", "\t"][Int.random(in: 0...3, using: &random)]
        switch Int.random(in: 0...(depth > 0 ? 7 : 5), using: &random) {
        case 0: return "null"
        case 1: return random.once(in: 2) ? "true" : "false"
        case 2:
            return ["0", "-0", "1.50", "-1e5", "1E-7", "12345678901234567890.12", "1e300"][
                Int.random(in: 0...6, using: &random)]
        case 3, 4, 5: return jsonText(&random)
        case 6:
            let elements = (0..<Int.random(in: 0...3, using: &random)).map { _ in json(&random, depth: depth - 1) }
            return "[\(space)\(elements.joined(separator: ",\(space)"))]"
        default:
            var members = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                "\(jsonText(&random))\(space):\(json(&random, depth: depth - 1))"
            }
            // The same name twice, which `json` keeps.
            if random.once(in: 3) { members += ["\"twice\": 1", "\"twice\": \(json(&random, depth: 0))"] }
            return "{\(members.joined(separator: ",\(space)"))}"
        }
    }

    static func point(_ random: inout SplitMix) -> String {
        "(\(number(-99...99, &random)).5,\(number(-99...99, &random)))"
    }

    static func composite(_ random: inout SplitMix) -> String {
        let text = text(&random)
        let label = "\"" + text.flatMap { "\"\\".contains($0) ? [$0, $0] : [$0] } + "\""
        return
            "(\(random.once(in: 3) ? "" : number(-9...9, &random)),\(random.once(in: 4) ? "" : label),\"{sad,NULL}\")"
    }
}
