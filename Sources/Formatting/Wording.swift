/// Finds the word that somebody probably meant.
package enum Wording {
    /// - Returns: the nearest candidate, if it is near enough to be worth mentioning.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let wanted = plain(word)
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(wanted, plain(candidate))
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(1, wanted.count / 3) else { return nil }
        return best.word
    }

    /// `Did you mean …?`, or what else there is to choose from.
    package static func advice(for word: String, among candidates: [String], otherwise: String? = nil) -> String {
        if let nearest = nearest(to: word, among: candidates) { return "Did you mean `\(nearest)`?" }
        return otherwise ?? "Use one of \(list(candidates))"
    }

    /// The same as a sentence.
    package static func sentence(for word: String, among candidates: [String]) -> String {
        let advice = advice(for: word, among: candidates)
        return advice.hasSuffix("?") ? advice : advice + "."
    }

    /// `a`, `b`, `c`
    package static func list(_ words: some Sequence<String>) -> String {
        words.map { "`\($0)`" }.joined(separator: ", ")
    }

    /// Spelling that is only a matter of style costs no distance: `renew_every` is `renewEvery`.
    private static func plain(_ word: String) -> [Character] {
        word.prefix(80).lowercased().filter { $0 != "_" && $0 != "-" }
    }

    /// The least number of insertions, deletions, replacements and swaps of neighbours.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                var cost = min(
                    previous[column] + (left[row] == right[column] ? 0 : 1), previous[column + 1] + 1,
                    current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforePrevious[column - 1] + 1)
                }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}

/// How names of settings become names of environment variables.
package enum VariableName {
    package static let prefix = "BATON"

    /// `appUsers` and `app_users` both become `APP_USERS`, `caFile` becomes `CA_FILE`.
    package static func component(_ name: String) -> String {
        var words = ""
        let characters = Array(name)
        for (position, character) in characters.enumerated() {
            let previous = position > 0 ? characters[position - 1] : "_"
            let next = position + 1 < characters.count ? characters[position + 1] : "_"
            let startsWord =
                character.isUppercase
                && (previous.isLowercase || previous.isNumber || previous.isUppercase && next.isLowercase)
            if startsWord { words += "_" }
            words += character == "-" ? "_" : character.uppercased()
        }
        return words
    }

    package static func joined(_ path: [String]) -> String {
        ([prefix] + path.map { $0 == "<name>" ? "<NAME>" : component($0) }).joined(separator: "_")
    }
}

extension Wording {
    /// The words of an enumeration.
    package static func list<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> String
    where Choice.RawValue == String {
        list(Choice.allCases.map(\.rawValue))
    }
}

extension String {
    /// The sentence as findings and refusals hold it.
    package var withoutFullStop: String { hasSuffix(".") ? String(dropLast()) : self }
}
