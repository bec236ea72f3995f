#if DEBUG || BATON_FUZZING
    internal import NIOCore
    @testable internal import RedisClient

    /// The pieces in which bytes arrive make no difference, and a reply over its budget is refused.
    func fuzzReplies(_ input: [UInt8]) throws(FuzzFault) {
        var input = InputBytes(input)
        let step = Int(input.next() % 16) + 1
        let bytes = input.remaining
        let budget = 1 << 16
        let whole = read(bytes, inPiecesOf: max(1, bytes.count), budget: budget)
        let pieces = read(bytes, inPiecesOf: step, budget: budget)
        // In pieces, what is malformed may be noticed earlier, but not another value be read.
        guard zip(whole.values, pieces.values).allSatisfy({ $0 == $1 }) else {
            throw FuzzFault("in pieces of \(step), another value is read: \(pieces.values), not \(whole.values)")
        }
        guard whole.isMalformed || pieces.isMalformed || whole.values.count == pieces.values.count else {
            throw FuzzFault("in pieces of \(step), \(pieces.values.count) values are read, not \(whole.values.count)")
        }
    }

    private func read(
        _ bytes: [UInt8], inPiecesOf size: Int, budget: Int
    ) -> (values: [RedisValue], isMalformed: Bool) {
        let reader = ReplyReader(maximumReplyBytes: budget)
        var values: [RedisValue] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + size, bytes.count)
            do throws(ReplyReader.Malformed) {
                try reader.read(ByteBuffer(bytes: bytes[start..<end])) { values.append($0) }
            } catch {
                return (values, true)
            }
            start = end
        }
        return (values, false)
    }
#endif
