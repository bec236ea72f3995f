internal import CacheRefresh
internal import Formatting
internal import Glibc

/// The file that `baton cache backup` writes: keys with what `DUMP` and `PTTL` said of them.
///
/// It begins with two lines of text: `baton-cache-backup 2`, then where it is from: the time in milliseconds since
/// 1970, the server's run id, its product and version such as `Redis/7.0.15` (`-`: unknown; not in version 1), the
/// number of the database, and the server's address. Each key follows as
/// `K`, the lengths of key and value (32 bits each, the higher byte first), when it expires in milliseconds since 1970
/// (64 bits; 0: never), key and value. The end is `E`, the number of keys and a checksum (64 bits each; FNV-1a of all
/// before it). A file without its end is a backup that was cut off.
enum BackupFile {
    static let version = 2
    static let name = "baton-cache-backup"

    struct Record: Hashable, Sendable {
        let key: [UInt8]
        /// When the key expires, in milliseconds since 1970; 0: never.
        let expiresMilliseconds: Int64
        /// The value as `DUMP` has it.
        let value: [UInt8]

        /// The rest of its life; nil if it is over, 0 if it has no end.
        func ttl(atMilliseconds now: Int64) -> Int64? {
            guard expiresMilliseconds > 0 else { return 0 }
            return expiresMilliseconds > now ? expiresMilliseconds - now : nil
        }
    }

    /// Which Redis it is of, and from when.
    struct Origin: Hashable, Sendable {
        /// The address as in the server's URL.
        let address: String
        let database: Int
        /// The id of the server's process; nil if the server did not tell.
        let runID: String?
        /// The server's product, such as `Redis 7.0.15`; nil if it is not known.
        let product: String?
        let madeMilliseconds: Int64

        var line: String {
            let product = product?.replacing(" ", with: "/") ?? "-"
            return "\(madeMilliseconds) \(runID ?? "-") \(product) \(database) \(address)\n"
        }

        init(address: String, database: Int, runID: String?, product: String? = nil, madeMilliseconds: Int64) {
            self.address = address
            self.database = database
            self.runID = runID
            self.product = product
            self.madeMilliseconds = madeMilliseconds
        }

        /// - Parameter version: the version of the file's format.
        init?(line: String, version: Int) {
            var words = line.split(separator: " ", maxSplits: version == 1 ? 3 : 4)
            // There was no product.
            if version == 1, words.count == 4 { words.insert("-", at: 2) }
            guard words.count == 5, let made = Int64(words[0]), let database = Int(words[3]) else { return nil }
            func known(_ word: Substring) -> String? { word == "-" ? nil : String(word) }
            self.init(
                address: String(words[4]), database: database, runID: known(words[1]),
                product: known(words[2])?.replacing("/", with: " "), madeMilliseconds: made)
        }

        /// How much alike the Redis of the backup and another one are.
        enum Likeness: Hashable, Sendable {
            case same
            /// The address is the same, the run id is not: the server was restarted, or it is another one.
            case perhaps
            case other
        }

        func likeness(to other: Origin) -> Likeness {
            guard database == other.database else { return .other }
            if let runID, let otherID = other.runID {
                return runID == otherID ? .same : address == other.address ? .perhaps : .other
            }
            return address == other.address ? .same : .other
        }
    }

    static func failure(_ what: String, _ path: String) -> InspectionError {
        InspectionError(.configuration, "\(path) \(what)")
    }

    static func systemFailure(_ what: String, _ path: String) -> InspectionError {
        InspectionError(.configuration, "\(path) \(what): \(String(cString: strerror(errno))).")
    }
}

extension [UInt8] {
    fileprivate mutating func append(number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { self += $0 }
    }
}

/// Writes a backup. Until it is finished it bears the name with `.partial` at its end.
final class BackupWriter {
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var hash = FNV1a()
    private(set) var count = 0
    private var isClosed = false
    /// A write failed: what follows would not be where it belongs.
    private var isBroken = false

    /// - Throws: ``InspectionError`` if there is such a file, or it can't be made.
    init(path: String, origin: BackupFile.Origin) throws(InspectionError) {
        self.path = path
        guard access(path, F_OK) != 0 else {
            throw BackupFile.failure("is there already. Give the backup another name.", path)
        }
        // What is cached may be nobody else's business.
        descriptor = open("\(path).partial", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            guard errno == EEXIST else { throw BackupFile.systemFailure("can't be written", path) }
            throw BackupFile.failure(
                "is there already, of a backup that was cut off: it may be all that is left of keys that were cleared. "
                    + "`baton cache restore` reads it; or give the backup another name.", "\(path).partial")
        }
        buffer += "\(BackupFile.name) \(BackupFile.version)\n\(origin.line)".utf8
    }

    deinit { if !isClosed { close(descriptor) } }

    func add(_ record: BackupFile.Record) throws(InspectionError) {
        buffer.append(UInt8(ascii: "K"))
        buffer.append(number: UInt32(record.key.count))
        buffer.append(number: UInt32(record.value.count))
        buffer.append(number: record.expiresMilliseconds)
        buffer += record.key
        buffer += record.value
        count += 1
        if buffer.count > 1 << 20 { try write() }
    }

    /// What was added so far survives this process, and the machine.
    func flush() throws(InspectionError) {
        try write()
        guard fdatasync(descriptor) == 0 else { throw BackupFile.systemFailure("can't be written", path) }
    }

    /// - Returns: how many keys are in it; without any there is no file.
    func finish() throws(InspectionError) -> Int {
        guard count > 0 else {
            discard()
            return 0
        }
        buffer.append(UInt8(ascii: "E"))
        buffer.append(number: UInt64(count))
        try write()
        buffer.append(number: hash.value)
        try flush()
        isClosed = true
        guard close(descriptor) == 0, rename("\(path).partial", path) == 0 else {
            throw BackupFile.systemFailure("can't be written", path)
        }
        return count
    }

    /// Takes away what is not a whole backup.
    func discard() {
        if !isClosed { unlink("\(path).partial") }
    }

    private func write() throws(InspectionError) {
        guard !isBroken else {
            throw BackupFile.failure("could not be written whole. What it holds can be restored.", "\(path).partial")
        }
        hash.add(buffer)
        var start = 0
        while start < buffer.count {
            let written = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + start, $0.count - start) }
            if written < 0 {
                if errno == EINTR { continue }
                isBroken = true
                throw BackupFile.systemFailure("can't be written", path)
            }
            start += written
        }
        buffer.removeAll(keepingCapacity: true)
    }
}

/// Reads a backup, a record at a time. One that was cut off, and therefore bears `.partial` at its end, up to its last
/// whole record.
final class BackupReader {
    let origin: BackupFile.Origin
    private let path: String
    private let isPartial: Bool
    private let file: UnsafeMutablePointer<FILE>
    private var hash = FNV1a()
    private var count: UInt64 = 0
    private var isAtEnd = false

    /// - Throws: ``InspectionError`` for a file that is none, or of another version.
    init(path: String) throws(InspectionError) {
        self.path = path
        isPartial = path.hasSuffix(".partial")
        guard let file = fopen(path, "re") else { throw BackupFile.systemFailure("can't be read", path) }
        self.file = file
        var facts = stat()
        // First what is in it is looked through, then it is put back.
        guard fstat(fileno(file), &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw InspectionError(
                .usage, "\(path) is no file that can be read twice. Save what comes there in a file, and restore that.")
        }
        var (lines, hash) = ([String](), hash)
        for limit in [64, 1024] {
            var line: [UInt8] = []
            while line.count < limit, case let byte = fgetc(file), byte >= 0, byte != 10 { line.append(UInt8(byte)) }
            hash.add(line + [10])
            lines.append(String(decoding: line, as: UTF8.self))
        }
        self.hash = hash
        let words = lines[0].split(separator: " ")
        let version = words.count == 2 && words[0] == BackupFile.name ? Int(words[1]) : nil
        let origin = BackupFile.Origin(line: lines[1], version: version ?? 0)
        self.origin = origin ?? BackupFile.Origin(address: "", database: 0, runID: nil, madeMilliseconds: 0)
        guard let version else {
            throw BackupFile.failure("is no backup: it does not begin with `\(BackupFile.name)`.", path)
        }
        guard (1...BackupFile.version).contains(version) else {
            throw BackupFile.failure(
                "is a backup of version \(version), and this baton reads those up to \(BackupFile.version). "
                    + "Restore it with the baton that made it.", path)
        }
        guard origin != nil else { throw damaged }
    }

    deinit { fclose(file) }

    /// The next record; nil at the end, once all was right.
    ///
    /// - Throws: ``InspectionError`` if the file was cut off or damaged.
    func next() throws(InspectionError) -> BackupFile.Record? {
        guard !isAtEnd else { return nil }
        do throws(InspectionError) {
            return try record()
        } catch {
            guard isPartial, feof(file) != 0 else { throw error }
            isAtEnd = true
            return nil
        }
    }

    private func record() throws(InspectionError) -> BackupFile.Record? {
        let kind = try bytes(1)[0]
        switch kind {
        case UInt8(ascii: "K"):
            let sizes = (Int(try number(UInt32.self)), Int(try number(UInt32.self)))
            guard sizes.0 <= 512 << 20, sizes.1 <= 600 << 20 else { throw damaged }
            let expires = Int64(bitPattern: try number(UInt64.self))
            let (key, value) = (try bytes(sizes.0), try bytes(sizes.1))
            count += 1
            return BackupFile.Record(key: key, expiresMilliseconds: expires, value: value)
        case UInt8(ascii: "E"):
            let wanted = try number(UInt64.self)
            let sum = hash.value
            guard wanted == count, try number(UInt64.self) == sum, fgetc(file) < 0 else { throw damaged }
            isAtEnd = true
            return nil
        default: throw damaged
        }
    }

    private func number<Number: FixedWidthInteger>(_: Number.Type) throws(InspectionError) -> Number {
        try bytes(Number.bitWidth / 8).reduce(0) { $0 << 8 | Number($1) }
    }

    private func bytes(_ count: Int) throws(InspectionError) -> [UInt8] {
        guard count > 0 else { return [] }
        // The bytes are not reserved at once: a damaged length must not take memory that the file does not fill.
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: min(count - bytes.count, 1 << 20))
            let read = fread(&part, 1, part.count, file)
            guard read == part.count else {
                throw BackupFile.failure(
                    "was cut off after \(self.count == 0 ? "its beginning" : TextLayout.count(Int(self.count), "key")).",
                    path)
            }
            bytes += part
        }
        hash.add(bytes)
        return bytes
    }

    private var damaged: InspectionError {
        BackupFile.failure("is damaged after \(TextLayout.count(Int(count), "key")).", path)
    }
}
