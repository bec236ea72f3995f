internal import CHiredis
internal import NIOCore

/// Arguments laid end to end: one allocation for many of them.
public struct RedisArguments: Sendable {
    /// The arguments' bytes, one behind the other.
    public var bytes: [UInt8]
    /// The arguments' lengths in bytes, in order; their sum is the number of ``bytes``.
    public var lengths: [Int]

    /// No argument, with room for some.
    public init(byteCapacity: Int = 0, argumentCapacity: Int = 0) {
        self.bytes = []
        self.lengths = []
        self.bytes.reserveCapacity(byteCapacity)
        self.lengths.reserveCapacity(argumentCapacity)
    }

    /// Takes what is already laid out.
    ///
    /// - Precondition: no length is negative, and the lengths add up to the number of bytes.
    public init(bytes: [UInt8], lengths: [Int]) {
        precondition(lengths.allSatisfy { $0 >= 0 } && lengths.reduce(0, +) == bytes.count, "lengths do not fit bytes")
        self.bytes = bytes
        self.lengths = lengths
    }

    /// One segment of several texts.
    public init(_ arguments: [String]) {
        self.init(byteCapacity: arguments.reduce(0) { $0 + $1.utf8.count }, argumentCapacity: arguments.count)
        for argument in arguments { self.append(argument) }
    }

    /// Adds a text, as UTF-8.
    public mutating func append(_ argument: String) {
        self.bytes.append(contentsOf: argument.utf8)
        self.lengths.append(argument.utf8.count)
    }

    /// Adds bytes as one argument.
    public mutating func append(_ argument: some Collection<UInt8>) {
        let before = self.bytes.count
        self.bytes.append(contentsOf: argument)
        self.lengths.append(self.bytes.count - before)
    }
}

/// A command, already encoded: making one costs, sending it again does not.
///
/// A command without arguments or of more than 512 MiB can be made, and is refused when sent.
public struct RedisCommand: Sendable {
    /// The bytes on the wire; `nil` if that is impossible.
    let encoded: ByteBuffer?

    /// How many bytes go on the wire.
    public var byteCount: Int { encoded?.readableBytes ?? 0 }

    /// A command of text arguments, the first of which is its name.
    public init(_ arguments: String...) {
        self.init(arguments)
    }

    /// A command of text arguments, the first of which is its name.
    public init(_ arguments: [String]) {
        self.init(segments: [RedisArguments(arguments)])
    }

    /// A command of binary arguments, the first of which is its name.
    public init(_ arguments: [[UInt8]]) {
        var segment = RedisArguments(
            byteCapacity: arguments.reduce(0) { $0 + $1.count }, argumentCapacity: arguments.count)
        for argument in arguments { segment.append(argument) }
        self.init(segments: [segment])
    }

    /// A command of all arguments of all segments, in order. The way to make large commands.
    public init(segments: [RedisArguments]) {
        self.encoded = CommandEncoder.encode(segments)
    }
}

/// hiredis' formatter.
private enum CommandEncoder {
    /// The server's own limit of a single argument, and far enough from hiredis 0.14's `int` lengths.
    static let maximumBytes = 512 << 20
    /// How many segments are encoded as they are; more are joined first, since each takes a stack frame.
    static let maximumDescent = 64

    static func encode(_ segments: [RedisArguments]) -> ByteBuffer? {
        var count = 0
        var bytes = 0
        for segment in segments {
            count += segment.lengths.count
            bytes += segment.bytes.count
        }
        guard count > 0, count <= Int(Int32.max) / 32, bytes + count * 16 <= Self.maximumBytes + (1 << 20) else {
            return nil
        }
        var pointers: [UnsafePointer<CChar>?] = []
        var lengths: [Int] = []
        pointers.reserveCapacity(count)
        lengths.reserveCapacity(count)
        if segments.count > Self.maximumDescent {
            return Self.format([Self.joined(segments, bytes, count)], &pointers, &lengths)
        }
        return Self.format(segments[...], &pointers, &lengths)
    }

    private static func joined(_ segments: [RedisArguments], _ bytes: Int, _ count: Int) -> RedisArguments {
        var one = RedisArguments(byteCapacity: bytes, argumentCapacity: count)
        for segment in segments {
            one.bytes += segment.bytes
            one.lengths += segment.lengths
        }
        return one
    }

    /// Descends once per segment, so that the pointers of all segments are valid at the bottom.
    private static func format(
        _ segments: ArraySlice<RedisArguments>, _ pointers: inout [UnsafePointer<CChar>?], _ lengths: inout [Int]
    ) -> ByteBuffer? {
        guard let segment = segments.first else { return Self.format(&pointers, lengths) }
        return segment.bytes.withUnsafeBytes { bytes in
            var offset = 0
            for length in segment.lengths {
                precondition(length >= 0 && length <= bytes.count - offset, "lengths do not fit bytes")
                // An empty segment has no address; hiredis wants one, and does not look at it if the length is 0.
                let start = bytes.baseAddress.map { $0 + offset } ?? UnsafeRawPointer(bitPattern: 1)
                pointers.append(start?.assumingMemoryBound(to: CChar.self))
                offset += length
            }
            precondition(offset == bytes.count, "lengths do not fit bytes")
            lengths.append(contentsOf: segment.lengths)
            return Self.format(segments.dropFirst(), &pointers, &lengths)
        }
    }

    private static func format(_ pointers: inout [UnsafePointer<CChar>?], _ lengths: [Int]) -> ByteBuffer? {
        var formatted: UnsafeMutablePointer<CChar>?
        let length = redisFormatCommandArgv(&formatted, numericCast(pointers.count), &pointers, lengths)
        guard let formatted else { return nil }
        defer { redisFreeCommand(formatted) }
        guard length > 0 else { return nil }
        return ByteBuffer(bytes: UnsafeRawBufferPointer(start: formatted, count: Int(length)))
    }
}
