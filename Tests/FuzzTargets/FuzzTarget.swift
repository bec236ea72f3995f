#if DEBUG || BATON_FUZZING
    /// Something that reads what others wrote. Whatever that is, it must not trap, not hang, and keep its promises.
    public enum FuzzTarget: String, CaseIterable, Sendable {
        /// Bytes from Redis, in pieces of any size.
        case replies
        /// A file that says that it is a backup.
        case backups
        /// A line of PostgreSQL's `COPY`, made into JSON.
        case copyLines = "copy-lines"
        /// What stands in the group's keys, where `status` and `fsck` read it.
        case groupKeys = "group-keys"
        /// Names and texts, made into SQL.
        case quoting
        /// Passwords in URLs and connection strings, which must not be shown.
        case urls

        /// Tries one input.
        ///
        /// - Throws: ``FuzzFault`` if a promise is broken.
        public func run(_ input: [UInt8]) throws(FuzzFault) {
            switch self {
            case .replies: try fuzzReplies(input)
            case .backups: try fuzzBackups(input)
            case .copyLines: try fuzzCopyLines(input)
            case .groupKeys: try fuzzGroupKeys(input)
            case .quoting: try fuzzQuoting(input)
            case .urls: try fuzzURLs(input)
            }
        }
    }

    /// What was found.
    public struct FuzzFault: Error, CustomStringConvertible {
        public let description: String
        init(_ description: String) { self.description = description }
    }

    /// Takes an input apart: first what shapes the trial, then the text that it is tried with.
    struct InputBytes {
        private var rest: ArraySlice<UInt8>

        init(_ bytes: [UInt8]) { rest = bytes[...] }

        /// The next byte; 0 behind the end.
        mutating func next() -> UInt8 { rest.popFirst() ?? 0 }

        /// The next bytes, fewer at the end.
        mutating func next(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }

        var remaining: [UInt8] { Array(rest) }
    }
#endif
