/// Makes the keys and values of one row at a time. Its buffers stay from row to row, so that a pass allocates them once.
struct RowComposer: ~Copyable, Sendable {
    private let dataset: Dataset
    private let shape: RowShape
    private let encoder: RowEncoder
    /// The database's encoding gives no guarantee (`SQL_ASCII`), so each row is looked at.
    private let validatesUTF8: Bool
    /// The size in bytes of a value that Redis refused: values as large are not sent any more.
    private var refusedBytes = Int.max
    /// Where the columns lie in the line.
    private var fields: [Range<Int>] = []
    /// The key that was made last.
    private(set) var key: [UInt8] = []
    private var object: [UInt8] = []

    init(_ dataset: Dataset, _ shape: RowShape, validatesUTF8: Bool) {
        self.dataset = dataset
        self.shape = shape
        self.encoder = shape.encoder
        self.validatesUTF8 = validatesUTF8
    }

    /// Notes that Redis refuses a value as large as this one.
    mutating func refuse(bytes: Int) { refusedBytes = min(refusedBytes, bytes) }

    /// Encodes a line as far as the families need it, and says what stands against writing it.
    mutating func encode(_ line: UnsafeRawBufferPointer) -> SetAside.Reason? {
        CopyText.split(line, into: &fields)
        guard fields.count >= shape.columns.count else { return .wrongLine(fields: fields.count) }
        if dataset.mode == .invalidate { return nil }  // no value is needed, and each key stands for itself
        if let bytes = sizeThatWasLeftOut(line) { return .valueTooLarge(bytes: bytes) }
        if validatesUTF8, String(validating: line, as: UTF8.self) == nil { return .notUTF8 }
        object.removeAll(keepingCapacity: true)
        for place in shape.families.indices {
            key.removeAll(keepingCapacity: true)
            if shape.families[place].appendKey(line, fields, to: &key) == .empty { return .emptyKeyColumn }
            if key.count > DatasetRefresh.maximumKeyBytes { return .keyTooLong(bytes: key.count) }
            var size = 0
            switch (shape.families[place].value, dataset.format) {
            case (.row, .json):
                if object.isEmpty { encoder.appendObject(line, fields, to: &object) }
                size = object.count
            case (.row, .hash): size = fields[shape.columns.count - 1].upperBound
            case (.column(let column), _): size = fields[column].count
            }
            if size > dataset.maxValueBytes { return .valueTooLarge(bytes: size) }
            if size >= refusedBytes {
                var arguments = ArgumentBuffer()
                _ = appendArguments(place, line, ttl: 0, compares: false, to: &arguments)
                let largest = arguments.lengths.max() ?? 0
                if largest >= refusedBytes { return .refusedByRedis(bytes: largest) }
            }
        }
        return nil
    }

    /// The size of a row whose large values the server did not send: what the field behind the columns says, in bytes.
    /// Nil if all of it is here.
    private func sizeThatWasLeftOut(_ line: UnsafeRawBufferPointer) -> Int? {
        guard fields.count > shape.columns.count else { return nil }
        return Int(String(decoding: line.part(fields[shape.columns.count]), as: UTF8.self))
    }

    // MARK: The line that was encoded last

    /// Makes the line's ``key`` of a family.
    ///
    /// - Returns: whether it has one.
    mutating func makeKey(_ family: Int, _ line: UnsafeRawBufferPointer) -> Bool {
        key.removeAll(keepingCapacity: true)
        return shape.families[family].appendKey(line, fields, to: &key) == nil
            && key.count <= DatasetRefresh.maximumKeyBytes
    }

    /// How many fields the line's hash has.
    func memberCount(_ line: UnsafeRawBufferPointer) -> Int { encoder.memberCount(line, fields) }

    /// Appends the arguments of a family's operation on the line.
    ///
    /// - Parameter compares: keys may be there, and are written only where they differ.
    /// - Returns: the operation.
    func appendArguments(
        _ family: Int, _ line: UnsafeRawBufferPointer, ttl: Int64, compares: Bool, to arguments: inout ArgumentBuffer
    ) -> WriteBatch.Operation {
        if dataset.mode == .invalidate { return .delete }
        let value = shape.families[family].value
        if case .row = value, dataset.format == .hash {
            arguments.append(ttl)
            arguments.append(Int64(encoder.memberCount(line, fields)))
            encoder.appendMembers(line, fields, to: &arguments)
            return dataset.mode == .existing ? .setExistingHash : compares ? .compareAndSetHash : .setHash
        }
        switch value {
        case .row: arguments.append(object)
        case .column(let place): arguments.append { encoder.appendColumn(place, line, fields, to: &$0) }
        }
        if dataset.mode == .existing { return .setExisting }
        arguments.append(ttl)
        return compares ? .compareAndSet : .set
    }
}
