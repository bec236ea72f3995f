import Foundation

/// The blocks of `RUNBOOK.md` that can be run, in order.
struct Runbook {
    struct Block {
        /// The heading that it stands under.
        let heading: String
        /// Of its first line in the file, from 1.
        let line: Int
        let script: String
        /// What the runbook says that it prints; nil if it does not say.
        var expected: String?
    }

    private(set) var blocks: [Block] = []

    /// A block is run if the words behind its fence are `bash runnable`. A block `text expected` that follows under the
    /// same heading, before any other, says what it prints.
    init(parsing text: String) {
        var heading = ""
        var fence: (words: [Substring], line: Int, body: [Substring])?
        var awaitsOutput = false
        for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let open = fence {
                guard line == "```" else {
                    fence?.body.append(line)
                    continue
                }
                fence = nil
                let body = open.body.joined(separator: "\n")
                if open.words == ["bash", "runnable"] {
                    blocks.append(Block(heading: heading, line: open.line, script: body))
                } else if open.words == ["text", "expected"], awaitsOutput {
                    blocks[blocks.count - 1].expected = body
                }
                awaitsOutput = open.words == ["bash", "runnable"]
            } else if line.hasPrefix("```") {
                fence = (line.dropFirst(3).split(separator: " "), place + 2, [])
            } else if line.hasPrefix("#") {
                heading = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
                awaitsOutput = false
            }
        }
    }
}

/// What a command is expected to print. `…` stands for any part of a line, a line `…` for any number of lines; how many
/// blanks there are in a row does not count.
struct ExpectedOutput {
    private let lines: [[String]]

    init(_ text: String) {
        lines = Self.lines(text).map { $0.components(separatedBy: "…") }
    }

    func matches(_ output: String) -> Bool { Self.match(lines[...], Self.lines(output)[...]) }

    private static func lines(_ text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        // Blank lines at the end say nothing.
        return Array(lines[...(lines.lastIndex { !$0.isEmpty } ?? -1)])
    }

    private static func match(_ expected: ArraySlice<[String]>, _ lines: ArraySlice<String>) -> Bool {
        guard let first = expected.first else { return lines.isEmpty }
        if first == ["", ""] {
            return (lines.startIndex...lines.endIndex).contains { match(expected.dropFirst(), lines[$0...]) }
        }
        guard let line = lines.first, match(first, line) else { return false }
        return match(expected.dropFirst(), lines.dropFirst())
    }

    /// Whether a line is these parts, in order, with anything between.
    private static func match(_ parts: [String], _ line: String) -> Bool {
        guard parts.count > 1 else { return parts[0] == line }
        guard line.hasPrefix(parts[0]) else { return false }
        var rest = line.dropFirst(parts[0].count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.range(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return rest.hasSuffix(parts[parts.count - 1])
    }
}
