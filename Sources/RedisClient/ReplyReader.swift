internal import CHiredis
internal import Glibc
internal import NIOCore

/// hiredis' reader, fed by us: bytes in, in pieces of any size, values out. Not thread-safe; it belongs to one channel.
///
/// The reader calls ``ReplyBuilder`` for each element in order, which puts the value together. What hiredis is given as
/// an "object" is only a token, so there is nothing to free and no tree of C structures.
final class ReplyReader {
    /// An error: the bytes that came cannot be read. The reader is of no use afterwards.
    struct Malformed: Error, Hashable {
        let detail: String
    }

    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let builder = ReplyBuilder()
    private let maximumReplyBytes: Int
    /// Bytes fed since the last whole reply.
    private var pending = 0
    private var lack = Lack.bytes(1)

    /// What the first element that is not whole yet waits for. Until it has come, hiredis, which begins that element
    /// anew each time, is not asked.
    private enum Lack {
        /// This many bytes from its beginning.
        case bytes(Int)
        /// The end of its line, which is not within this many first bytes.
        case lineEnd(after: Int)
    }

    /// The memory that an element takes beside its bytes, about.
    private static let elementBytes = 64

    /// - Parameter maximumReplyBytes: a single reply that would take more memory is malformed, before all of it is there.
    init(maximumReplyBytes: Int = 512 << 20) {
        self.maximumReplyBytes = maximumReplyBytes
        // hiredis keeps the address of the table. Later versions know more functions, which stay NULL.
        self.functions = .allocate(capacity: 1)
        self.functions.initialize(to: redisReplyObjectFunctions())
        self.functions.pointee.createString = { task, text, length in
            ReplyBuilder.of(task)?.string(type: task?.pointee.type ?? 0, text, length)
        }
        self.functions.pointee.createArray = { task, count in ReplyBuilder.of(task)?.array(count: Int(count)) }
        self.functions.pointee.createInteger = { task, value in ReplyBuilder.of(task)?.add(.integer(value)) }
        self.functions.pointee.createNil = { task in ReplyBuilder.of(task)?.add(.null) }
        self.functions.pointee.freeObject = { _ in }
        guard let reader = redisReaderCreateWithFunctions(self.functions) else {
            // A machine without memory ends the process, as everywhere in Swift.
            preconditionFailure("out of memory")
        }
        self.reader = reader
        reader.pointee.privdata = Unmanaged.passUnretained(self.builder).toOpaque()
    }

    deinit {
        redisReaderFree(self.reader)
        self.functions.deinitialize(count: 1)
        self.functions.deallocate()
    }

    /// Takes the next piece and hands out each value that it completes.
    ///
    /// - Throws: ``Malformed``, after handing out the values before the malformed one.
    func read(_ buffer: ByteBuffer, _ deliver: (RedisValue) -> Void) throws(Malformed) {
        let result = buffer.withUnsafeReadableBytes { bytes in
            redisReaderFeed(self.reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard result == REDIS_OK else { throw self.malformed() }
        self.pending += buffer.readableBytes
        while try self.mayGoOn() {
            var token: UnsafeMutableRawPointer?
            guard redisReaderGetReply(self.reader, &token) == REDIS_OK else { throw self.malformed() }
            guard token != nil else {
                self.lack = try self.lackOfFirst()
                continue
            }
            self.lack = .bytes(1)
            guard let value = self.builder.takeValue() else {
                throw Malformed(detail: "a reply of a type that protocol version 2 does not have")
            }
            self.pending = self.reader.pointee.len - self.reader.pointee.pos
            deliver(value)
        }
        if self.pending + self.builder.elementCount * Self.elementBytes > self.maximumReplyBytes {
            throw Malformed(detail: "a reply of more than \(self.maximumReplyBytes) bytes")
        }
    }

    private var unread: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.reader.pointee.buf + self.reader.pointee.pos,
            count: self.reader.pointee.len - self.reader.pointee.pos)
    }

    /// Whether what was lacking has come.
    private func mayGoOn() throws(Malformed) -> Bool {
        switch self.lack {
        case .bytes(let count): return self.unread.count >= count
        case .lineEnd(let searched):
            let unread = self.unread
            if Self.lineEnd(in: unread, from: searched) != nil { return true }
            guard unread.count <= Self.maximumLineBytes else {
                throw Malformed(detail: "a line of more than \(Self.maximumLineBytes) bytes")
            }
            self.lack = .lineEnd(after: unread.count)
            return false
        }
    }

    /// Looks at an element that is not whole, of which hiredis has taken the first byte, that of its type. Only a string
    /// has a line and is not whole yet: the line says how many bytes follow, with another line end behind them.
    private func lackOfFirst() throws(Malformed) -> Lack {
        let unread = self.unread
        guard let end = Self.lineEnd(in: unread, from: 0) else { return .lineEnd(after: unread.count) }
        guard end < 32, let length = Int(String(decoding: unread[..<end], as: UTF8.self)), length >= 0 else {
            return .bytes(unread.count + 1)
        }
        guard length <= self.maximumReplyBytes else {
            throw Malformed(detail: "a string of \(length) bytes, where \(self.maximumReplyBytes) are the most")
        }
        return .bytes(max(end + length + 4, unread.count + 1))
    }

    /// Where a line ends, before its `\r\n`.
    private static func lineEnd(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var place = start
        while place < bytes.count,
            let found = memchr(bytes.baseAddress! + place, CInt(UInt8(ascii: "\n")), bytes.count - place)
        {
            place = UnsafeRawPointer(found) - bytes.baseAddress!
            if place > 0, bytes[place - 1] == UInt8(ascii: "\r") { return place - 1 }
            place += 1
        }
        return nil
    }

    private func malformed() -> Malformed {
        if let problem = self.builder.problem { return Malformed(detail: problem) }
        return withUnsafeBytes(of: &self.reader.pointee.errstr) { bytes in
            Malformed(detail: String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
        }
    }

    private static let maximumLineBytes = 64 << 10
}

/// Puts one value together from the elements that hiredis' reader reports in order.
private final class ReplyBuilder {
    /// An array that lacks elements.
    private struct Open {
        var elements: [RedisValue]
        let count: Int
    }

    private var open: [Open] = []
    private var value: RedisValue?
    /// How many elements there are of the reply that is not whole yet.
    private(set) var elementCount = 0
    /// Why the builder refused an element, in words that hiredis has none for.
    private(set) var problem: String?

    /// Any address that is not NULL, which would mean "out of memory".
    private static var token: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }
    private static let maximumDepth = 32

    static func of(_ task: UnsafePointer<redisReadTask>?) -> ReplyBuilder? {
        guard let data = task?.pointee.privdata else { return nil }
        return Unmanaged<ReplyBuilder>.fromOpaque(data).takeUnretainedValue()
    }

    func takeValue() -> RedisValue? {
        defer { (self.value, self.elementCount) = (nil, 0) }
        return self.open.isEmpty ? self.value : nil
    }

    func string(type: CInt, _ text: UnsafeMutablePointer<CChar>?, _ length: Int) -> UnsafeMutableRawPointer? {
        guard let text else { return self.refuse("a string without content") }
        // The line end behind it is in the buffer already, but hiredis skips it unseen.
        guard text[length] == 0x0D, text[length + 1] == 0x0A else {
            return self.refuse("a string that is not followed by a line end")
        }
        let bytes = UnsafeRawBufferPointer(start: text, count: length)
        switch type {
        case REDIS_REPLY_STRING:
            guard length > 0 else { return self.add(.bytes([])) }
            // Said so that it is one memcpy in unoptimised builds too: a large reply else holds up the event loop.
            return self.add(
                .bytes(
                    Array(unsafeUninitializedCapacity: length) { buffer, count in
                        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
                        count = length
                    }))
        case REDIS_REPLY_STATUS: return self.add(.status(String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ERROR:
            return self.add(.error(RedisServerError(line: String(decoding: bytes, as: UTF8.self))))
        default: return self.refuse("a reply of a type that protocol version 2 does not have")
        }
    }

    func array(count: Int) -> UnsafeMutableRawPointer? {
        guard count > 0 else { return self.add(.array([])) }
        guard self.open.count < Self.maximumDepth else { return self.refuse("arrays nested too deeply") }
        var elements: [RedisValue] = []
        // The count is only what the other side says: believe it when the elements come.
        elements.reserveCapacity(min(count, 1024))
        self.open.append(Open(elements: elements, count: count))
        return Self.token
    }

    func add(_ element: RedisValue) -> UnsafeMutableRawPointer? {
        var element = element
        self.elementCount += 1
        while !self.open.isEmpty {
            let last = self.open.count - 1
            // Doubled, but never beyond what the array will hold.
            if self.open[last].elements.count == self.open[last].elements.capacity {
                let capacity = self.open[last].elements.count * 2
                self.open[last].elements.reserveCapacity(min(capacity, self.open[last].count))
            }
            self.open[last].elements.append(element)
            guard self.open[last].elements.count == self.open[last].count else { return Self.token }
            element = .array(self.open.removeLast().elements)
        }
        self.value = element
        return Self.token
    }

    private func refuse(_ problem: String) -> UnsafeMutableRawPointer? {
        self.problem = problem
        return nil
    }
}
