import NIOCore
import Testing

@testable import RedisClient

@Suite struct CommandEncodingTests {
    @Test func encodesArguments() {
        #expect(RedisCommand("GET", "a b").text == "*2\r\n$3\r\nGET\r\n$3\r\na b\r\n")
        #expect(RedisCommand("SET", "", "é").text == "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\né\r\n")
    }

    @Test func encodesBinaryArguments() throws {
        let all = [UInt8](0...255)
        let encoded = try #require(RedisCommand([Array("X".utf8), all, []]).encoded)
        let expected = Array("*3\r\n$1\r\nX\r\n$256\r\n".utf8) + all + Array("\r\n$0\r\n\r\n".utf8)
        #expect(Array(encoded.readableBytesView) == expected)
    }

    @Test(arguments: [1, 2, 5, 64, 65, 1000])
    func joinsSegments(count: Int) {
        var segments = [RedisArguments(["SET"]), RedisArguments()]
        for index in 0..<count { segments.append(RedisArguments(["\(index)", ""])) }
        let arguments = ["SET"] + (0..<count).flatMap { ["\($0)", ""] }
        #expect(RedisCommand(segments: segments).text == RedisCommand(arguments).text)
    }

    @Test func takesArgumentsAsTheyAreLaid() {
        var arguments = RedisArguments(bytes: Array("MGETabc".utf8), lengths: [4, 1, 0, 2])
        arguments.append("d")
        arguments.append([0x65, 0x66])
        #expect(RedisCommand(segments: [arguments]).text == RedisCommand("MGET", "a", "", "bc", "d", "ef").text)
    }

    @Test func hasNoWayToSayNothing() {
        #expect(RedisCommand([String]()).encoded == nil)
        #expect(RedisCommand(segments: []).encoded == nil)
        #expect(RedisCommand(segments: [RedisArguments()]).encoded == nil)
    }

    @Test func refusesTooMuch() {
        // Nine times the same array: no copies are made.
        let segment = RedisArguments(bytes: [UInt8](repeating: 0, count: 64 << 20), lengths: [64 << 20])
        #expect(RedisCommand(segments: Array(repeating: segment, count: 9)).encoded == nil)
    }
}

@Suite struct ReplyReaderTests {
    @Test(arguments: [
        ("+OK\r\n", RedisValue.status("OK")), ("+\r\n", .status("")), (":-12\r\n", .integer(-12)),
        (":9223372036854775807\r\n", .integer(.max)), ("$-1\r\n", .null), ("*-1\r\n", .null),
        ("$0\r\n\r\n", .bytes([])),
        ("$4\r\na\r\nb\r\n", .bytes(Array("a\r\nb".utf8))), ("*0\r\n", .array([])),
        ("-ERR no\r\n", .error(RedisServerError(prefix: "ERR", message: "no"))),
        (
            "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n-X y\r\n",
            .array([
                .integer(1), .array([.bytes([0x61]), .array([])]), .error(RedisServerError(prefix: "X", message: "y")),
            ])
        ),
        (
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n$1\r\nx\r\n",
            .array([.array([.array([.array([.array([.bytes([0x78])])])])])])
        ),
    ])
    func reads(text: String, expected: RedisValue) throws {
        #expect(try ReplyReader().values(text) == [expected])
        var one = ReplyReader.Fed()
        for byte in text.utf8 { try one.feed([byte]) }
        #expect(one.values == [expected])
    }

    @Test(arguments: [
        "x\r\n", "HTTP/1.1 400 Bad Request\r\n", ":abc\r\n", ":1x\r\n", "$abc\r\n", "$-2\r\n", "*-2\r\n", "*x\r\n",
        "$3\r\nabcXY", "*2\r\n+a\r\n?\r\n", "\r\n", "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}P",
        String(repeating: "*1\r\n", count: 64), "*2147483648\r\n", "*1\r\n$99999999999999999999\r\n",
    ])
    func refusesMalformed(text: String) {
        #expect(throws: ReplyReader.Malformed.self) { try ReplyReader().values(text) }
    }

    @Test func handsOutWhatCameBeforeTheMalformed() throws {
        var fed = ReplyReader.Fed()
        #expect(throws: ReplyReader.Malformed.self) { try fed.feed(Array("+a\r\n:1\r\n?".utf8)) }
        #expect(fed.values == [.status("a"), .integer(1)])
        #expect(throws: ReplyReader.Malformed.self) { try fed.feed(Array("+b\r\n".utf8)) }
    }

    @Test func believesNoCount() throws {
        #expect(try ReplyReader().values("*2000000000\r\n:1\r\n") == [])
    }

    @Test func boundsLinesAndReplies() {
        let line = [UInt8](repeating: 0x61, count: 3 << 20)
        #expect(throws: ReplyReader.Malformed.self) { try ReplyReader().values([UInt8(ascii: "+")] + line) }
        let reader = ReplyReader(maximumReplyBytes: 1000)
        #expect(throws: ReplyReader.Malformed.self) { try reader.values(Array("$5000\r\n".utf8) + line.prefix(1100)) }
        let array = Array("*5000\r\n".utf8) + Array(repeating: Array("+abc\r\n".utf8), count: 300).joined()
        #expect(throws: ReplyReader.Malformed.self) { try ReplyReader(maximumReplyBytes: 1000).values(array) }
    }

    /// What has no end is searched for it once, whatever line ends of another kind are in it.
    @Test(arguments: ["+", "+\n", "+\r", "-\n\n\n", ":", "*\n", "$\n", "$12"])
    func refusesALineWithoutEnd(_ beginning: String) throws {
        var fed = ReplyReader.Fed()
        try fed.feed(Array(beginning.utf8))
        var count = 0
        #expect(throws: ReplyReader.Malformed.self) {
            while count < 32 << 20 {
                try fed.feed([UInt8](repeating: UInt8(ascii: "1"), count: 1024))
                count += 1024
            }
        }
        #expect(count <= 65 << 10 && fed.values.isEmpty)
    }

    /// A string that comes in small pieces is looked at when all of it is there: each piece costs the same.
    @Test func readsAStringInTinyPiecesInTime() throws {
        var fed = ReplyReader.Fed()
        try fed.feed(Array("$8388608\r\n".utf8))
        let piece = [UInt8](repeating: UInt8(ascii: "\n"), count: 512)
        let begin = ContinuousClock.now
        for _ in 0..<16384 { try fed.feed(piece) }
        try fed.feed(Array("\r\n".utf8))
        #expect(fed.values.first?.bytes?.count == 8 << 20)
        #expect(ContinuousClock.now - begin < .seconds(20))
    }

    @Test func anArrayTakesFourTimesItsBytesAtMost() throws {
        #expect(MemoryLayout<RedisValue>.stride <= 16)
        var fed = ReplyReader.Fed()
        let count = 100_001
        try fed.feed(Array("*\(count)\r\n".utf8) + Array(repeating: Array(":1\r\n".utf8), count: count).joined())
        guard case .array(let elements)? = fed.values.first else {
            Issue.record("no array")
            return
        }
        #expect(elements.count == count && elements.capacity < count + count / 10)
    }

    /// Elements count for what they take in memory, which may be more than their bytes.
    @Test func countsElements() {
        let reader = ReplyReader(maximumReplyBytes: 1 << 20)
        var fed = 0
        #expect(throws: ReplyReader.Malformed.self) {
            try reader.read(ByteBuffer(string: "*1000000\r\n")) { _ in }
            while fed < 1_000_000 {
                try reader.read(ByteBuffer(string: String(repeating: "$-1\r\n", count: 1000))) { _ in }
                fed += 1000
            }
        }
        #expect(fed < 20_000)
        #expect(throws: ReplyReader.Malformed.self) {
            try ReplyReader(maximumReplyBytes: 1 << 20).values("$2000000\r\n")
        }
    }

    @Test func readsLargeStringsInPieces() throws {
        let payload = Array(repeating: [UInt8](0...255), count: 20 << 10).flatMap { $0 }
        var fed = ReplyReader.Fed()
        let text = Array("$\(payload.count)\r\n".utf8) + payload + Array("\r\n+next\r\n".utf8)
        for start in stride(from: 0, to: text.count, by: 65536) {
            try fed.feed(Array(text[start..<min(start + 65536, text.count)]))
        }
        #expect(fed.values == [.bytes(payload), .status("next")])
    }

    /// Whatever the pieces, the values are the same.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func readsRandomValuesInRandomPieces(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let values = (0..<30).map { _ in RedisValue.random(depth: 0, using: &random) }
        let bytes = values.flatMap(\.encoded)
        var fed = ReplyReader.Fed()
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...[2, 30, 3000].randomElement(using: &random)!, using: &random))
            try fed.feed(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        #expect(fed.values == values)
    }

    /// No bytes, however broken, bring the reader down.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func survivesDamage(seed: UInt64) {
        var random = SplitMix(state: seed)
        for _ in 0..<20 {
            var bytes = (0..<5).flatMap { _ in RedisValue.random(depth: 0, using: &random).encoded }
            for _ in 0..<3 {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = Array("$*:+-\r\n0129\0".utf8).randomElement(using: &random)!
            }
            _ = try? ReplyReader().values(bytes)
        }
    }
}

@Suite struct RedisServerErrorTests {
    @Test(arguments: [
        ("NOSCRIPT No matching script.", "NOSCRIPT", RedisServerError.Kind.noScript),
        ("LOADING Redis is loading", "LOADING", .loading), ("READONLY x", "READONLY", .readOnly),
        ("MASTERDOWN x", "MASTERDOWN", .masterDown), ("NOREPLICAS x", "NOREPLICAS", .noReplicas),
        ("OOM x", "OOM", .outOfMemory), ("MISCONF x", "MISCONF", .misconfigured), ("BUSY x", "BUSY", .busy),
        ("NOAUTH x", "NOAUTH", .noAuth), ("WRONGPASS x", "WRONGPASS", .wrongPassword),
        ("NOPERM x", "NOPERM", .noPermission),
        ("MOVED 1 h:1", "MOVED", .cluster), ("ASK 1 h:1", "ASK", .cluster), ("CLUSTERDOWN x", "CLUSTERDOWN", .cluster),
        ("CROSSSLOT x", "CROSSSLOT", .cluster), ("TRYAGAIN x", "TRYAGAIN", .tryAgain),
        ("WRONGTYPE x", "WRONGTYPE", .wrongType),
        ("ERR syntax error", "ERR", .other), ("FENCED", "FENCED", .other), ("lower case", "", .other), ("", "", .other),
        (
            "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed", "ERR",
            .outOfMemory
        ),
        ("ERR Error running script (call to f_1): @user_script:1: WRONGTYPE Operation", "ERR", .wrongType),
        ("ERR unknown command 'OOM', with args beginning with: ", "ERR", .unknownCommand),
        ("ERR Unknown Redis command called from script script: 0a1b", "ERR", .unknownCommand),
        ("ERR The user executing the script can't run this command or subcommand script: 0a1b", "ERR", .noPermission),
        (
            "ERR Error running script (call to f_1): @user_script:1: The user executing the script can't access at least "
                + "one of the keys mentioned in the command arguments", "ERR", .noPermission
        ),
        (
            "ERR ACL failure in script: User u has no permissions to run the 'xadd' command script: 0a1b", "ERR",
            .noPermission
        ),
    ])
    func takesApart(line: String, prefix: String, kind: RedisServerError.Kind) {
        let error = RedisServerError(line: line)
        #expect(error.prefix == prefix)
        #expect(error.kind == kind)
        #expect(error.description == line)
    }

    @Test("An error says only where it matters what became of the command, and then in words")
    func fate() {
        let error = RedisError.timedOut
        #expect("\(error)" == error.message)
        #expect("\(RedisError.rejected(RedisServerError(line: "ERR no")))".hasSuffix("(ERR no)"))
        #expect("\(error.with(delivery: .unknown))" == error.message + " What was sent may have been carried out.")
    }

    @Test(arguments: RedisServerError.Kind.allCases)
    func advises(kind: RedisServerError.Kind) {
        #expect(kind.advice.hasSuffix("."))
    }
}

@Suite struct RedisValueTests {
    @Test func converts() {
        #expect(RedisValue.bytes(Array("12".utf8)).int == 12)
        #expect(RedisValue.integer(3).int == 3)
        #expect(RedisValue.status("x").int == nil)
        #expect(RedisValue.status("OK").string == "OK")
        #expect(RedisValue.bytes([0xFF]).string == nil)
        #expect(RedisValue.bytes([0xFF]).bytes == [0xFF])
        #expect(RedisValue.array([.null]).array == [.null])
        #expect(RedisValue.null.array == nil && RedisValue.null.isNull)
        #expect("\(RedisValue.array([.null, .integer(1), .bytes([0x61]), .status("OK")]))" == "[(nil), 1, \"a\", OK]")
    }
}

extension RedisCommand {
    fileprivate var text: String { self.encoded.map { String(buffer: $0) } ?? "" }
}

extension ReplyReader {
    struct Fed {
        let reader = ReplyReader()
        var values: [RedisValue] = []

        mutating func feed(_ bytes: [UInt8]) throws {
            try self.reader.read(ByteBuffer(bytes: bytes)) { self.values.append($0) }
        }
    }

    func values(_ text: String) throws -> [RedisValue] { try self.values(Array(text.utf8)) }

    func values(_ bytes: [UInt8]) throws -> [RedisValue] {
        var values: [RedisValue] = []
        try self.read(ByteBuffer(bytes: bytes)) { values.append($0) }
        return values
    }
}

extension RedisValue {
    fileprivate static func random(depth: Int, using random: inout SplitMix) -> RedisValue {
        switch Int.random(in: 0..<(depth < 5 ? 8 : 5), using: &random) {
        case 0: return .null
        case 1: return .integer(Int64.random(in: .min ... .max, using: &random))
        case 2: return .status(["OK", "", "PONG"].randomElement(using: &random)!)
        case 3: return .error(RedisServerError(prefix: "ERR", message: "some text"))
        case 4, 5:
            let count = [0, 1, 20, 200].randomElement(using: &random)!
            return .bytes(
                (0..<count).map { _ in
                    [13, 10, 36, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random)!
                })
        default:
            let count = Int.random(in: 0...4, using: &random)
            return .array((0..<count).map { _ in Self.random(depth: depth + 1, using: &random) })
        }
    }

    fileprivate var encoded: [UInt8] {
        switch self {
        case .null: Array("$-1\r\n".utf8)
        case .integer(let value): Array(":\(value)\r\n".utf8)
        case .status(let text): Array("+\(text)\r\n".utf8)
        case .error(let error): Array("-\(error)\r\n".utf8)
        case .bytes(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10]
        case .array(let elements): Array("*\(elements.count)\r\n".utf8) + elements.flatMap(\.encoded)
        }
    }
}

/// Randomness that can be had again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
