package import JSON

/// A number as the scripts keep it in Redis: plain digits, from 0 to 2^52. Anybody may have written what is there, so that
/// everything else is refused, and what is accepted can be subtracted and compared without a thought.
package enum KeptNumber {
    static let highest: Int64 = 1 << 52

    package static func read(_ text: String?) -> Int64? {
        guard let text, let number = Int64(text), "\(number)" == text, (0...highest).contains(number) else {
            return nil
        }
        return number
    }
}

/// A note that the scripts keep, in JSON.
package enum KeptNote {
    /// The longest name of a replica or an operator, and the longest reason, both in bytes: a note still has room for
    /// all of them in JSON, where a byte takes up to six.
    package static let longestName = 200, longestReason = 1000

    /// The longest note, in bytes: a longer one is none of ours; as `lease.lua` has it.
    static let longest = 16 << 10

    /// - Returns: nil for what is no JSON object, or too long.
    package static func read(_ text: some Collection<UInt8>) -> JSONValue? {
        guard text.count <= longest, let note = JSONValue(parsing: text), case .object = note else { return nil }
        return note
    }

    /// The same, if it is of a form that this version understands.
    package static func read(_ text: some Collection<UInt8>, format: Int) -> JSONValue? {
        guard let note = read(text), let found = note["format"]?.double, found < Double(format + 1) else { return nil }
        return note
    }
}
