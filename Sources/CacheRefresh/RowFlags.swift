extension DigestTable {
    /// Flags that are remembered of a row beside its digest and its keys.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8

        /// The last content that was read of the row did not reach Redis: the next pass writes it again.
        static let dirty = Flags(rawValue: 1)
        /// The row cannot be written; see ``SetAside``.
        static let setAside = Flags(rawValue: 2)
        /// Another row owns a key that this row makes too: looked at again whenever it is read.
        static let contested = Flags(rawValue: 4)
        /// The next write of the row is the second one of a change; it is not repeated again.
        static let repeating = Flags(rawValue: 8)
        /// No row: the number is free.
        static let free = Flags(rawValue: 16)
        /// The last read that asked for the row did not find it.
        static let gone = Flags(rawValue: 32)
        /// The row is contested, a key came free, and the row was not read since: perhaps it makes that key.
        static let undecided = Flags(rawValue: 64)
    }

    /// How many rows have a flag, for each flag that is asked for so.
    struct FlagCounts: Sendable {
        private(set) var dirty = 0
        private(set) var setAside = 0
        private(set) var contested = 0
        private(set) var gone = 0
        private(set) var undecided = 0

        /// Counts a row that gets flags, or loses them.
        mutating func add(_ difference: Int, _ flags: Flags) {
            if flags.contains(.dirty) { dirty += difference }
            if flags.contains(.setAside) { setAside += difference }
            if flags.contains(.contested) { contested += difference }
            if flags.contains(.gone) { gone += difference }
            if flags.contains(.undecided) { undecided += difference }
        }
    }
}
