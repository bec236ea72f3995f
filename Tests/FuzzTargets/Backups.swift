#if DEBUG || BATON_FUZZING
    @testable internal import Operations
    internal import Glibc

    /// A file is read to its end or refused, and what is written is read back as it was.
    func fuzzBackups(_ input: [UInt8]) throws(FuzzFault) {
        let folder = "/tmp/baton-fuzz-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        guard mkdir(folder, 0o700) == 0 else { throw FuzzFault("cannot make \(folder)") }
        defer {
            for name in ["any", "any.partial", "own", "own.partial"] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        for name in ["any", "any.partial"] {
            let path = "\(folder)/\(name)"
            try write(input, to: path)
            // Refusing it is all right.
            guard let reader = try? BackupReader(path: path) else { continue }
            while let record = (try? reader.next()) ?? nil {
                guard record.key.count + record.value.count <= input.count else {
                    throw FuzzFault("a record of more bytes than the file has")
                }
            }
        }
        try roundTrip(input, path: "\(folder)/own")
    }

    private func roundTrip(_ input: [UInt8], path: String) throws(FuzzFault) {
        var input = InputBytes(input)
        let origin = BackupFile.Origin(
            address: "redis://127.0.0.1:6379", database: Int(input.next()), runID: nil, madeMilliseconds: 1)
        let records = (0...input.next() % 4).map { _ in
            BackupFile.Record(
                key: input.next(Int(input.next())), expiresMilliseconds: Int64(input.next()) << 40,
                value: input.next(Int(input.next())))
        }
        let isSame: Bool
        do throws(InspectionError) {
            let writer = try BackupWriter(path: path, origin: origin)
            for record in records { try writer.add(record) }
            _ = try writer.finish()
            let reader = try BackupReader(path: path)
            var found: [BackupFile.Record] = []
            while let record = try reader.next() { found.append(record) }
            isSame = found == records && reader.origin == origin
        } catch {
            throw FuzzFault("\(error)")
        }
        guard isSame else { throw FuzzFault("what was written is not read back") }
    }

    private func write(_ bytes: [UInt8], to path: String) throws(FuzzFault) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw FuzzFault("cannot write \(path)")
        }
        close(descriptor)
    }
#endif
