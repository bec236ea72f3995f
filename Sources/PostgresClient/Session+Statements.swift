internal import CLibpq

extension Session {
    /// How long a chunk that has rows is kept to be filled, once more rows have to be waited for.
    private static var linger: Duration { .milliseconds(50) }

    /// Sends one statement by the extended protocol, values in text form.
    func sendQuery(_ sql: String, _ parameters: [String?] = []) throws(PostgresError) {
        try Self.check(sql, parameters)
        let accepted = withCStrings(parameters) { values in
            PQsendQueryParams(pointer, sql, Int32(parameters.count), nil, values, nil, nil, 0)
        }
        try send(accepted)
    }

    /// Sends statements separated by semicolons by the simple protocol.
    func sendScript(_ sql: String) throws(PostgresError) {
        try Self.check(sql, [])
        try send(PQsendQuery(pointer, sql))
    }

    static func check(_ sql: String, _ parameters: [String?]) throws(PostgresError) {
        guard parameters.count <= 65_535 else { throw .usage("A statement has at most 65,535 parameters.") }
        guard !sql.holdsNUL else { throw .usage("The SQL text holds a NUL character; remove it.") }
        for (index, value) in parameters.enumerated() where value?.holdsNUL == true {
            throw .usage("Parameter $\(index + 1) holds a NUL character, which PostgreSQL's text cannot.")
        }
    }

    /// Reads all results of what was sent; each successful one goes to `body`.
    ///
    /// The first error the server reports is thrown after everything was read, so that the session can be used again.
    func collect(_ body: (borrowing ResultHandle) throws(PostgresError) -> Void) throws(PostgresError) {
        var failure: PostgresError?
        while true {
            let next: ResultHandle?
            do throws(PostgresError) {
                next = try nextResult()
            } catch {
                throw failure ?? error
            }
            guard let result = next else { break }
            switch result.kind {
            case .failure:
                failure = failure ?? PostgresError(result)
            case .copyOut, .otherCopy:
                throw .copyHere
            case .done, .rows, .oneRow:
                if failure == nil { try body(result) }
            case .pipelineSync, .skipped:
                break
            }
        }
        if let failure { throw failure }
    }

    /// All rows of one statement.
    func allRows(_ sql: String, _ parameters: [String?]) throws(PostgresError) -> [PostgresRow] {
        var rows: [PostgresRow] = []
        try runInTransaction([.run(sql, parameters)]) { (result) throws(PostgresError) in
            var batch = RowBatchBuilder(columns: result.columns)
            if result.kind == .rows { batch.append(result) }
            rows = batch.finish()
        }
        return rows
    }

    /// The columns that a statement would return, without running it, in one round trip.
    func describe(_ sql: String) throws(PostgresError) -> [PostgresColumn] {
        var columns: [PostgresColumn] = []
        try runInTransaction([.describe(sql)]) { (result) throws(PostgresError) in columns = result.columns }
        return columns
    }

    // MARK: COPY

    /// Starts a `COPY … TO STDOUT`; rows follow with ``appendCopiedRows(to:upTo:)``.
    func startCopy(_ sql: String) throws(PostgresError) {
        try beginOwnTransaction()
        try sendQuery(sql)
        // Waits here until the server's first flush, which may be as late as its last row.
        guard let first = try nextResult() else { throw lost() }
        switch first.kind {
        case .copyOut:
            return
        case .failure:
            let failure = PostgresError(first)
            try? collect { (_) throws(PostgresError) in }
            try? endOwnTransaction()
            throw failure
        case .done, .rows, .oneRow:
            try collect { (_) throws(PostgresError) in }
            try endOwnTransaction()
            throw .usage("copy() takes a COPY … TO STDOUT statement; use query() or execute() for others.")
        case .otherCopy, .pipelineSync, .skipped:
            throw .usage("copy() takes a COPY … TO STDOUT statement; COPY FROM STDIN is not offered.")
        }
    }

    /// Appends rows until `chunk` has `limit` bytes or no more come for a moment.
    ///
    /// - Returns: `false` when there are no more rows; ``finishCopy()`` then says how the COPY ended.
    func appendCopiedRows(to chunk: inout [UInt8], upTo limit: Int) throws(PostgresError) -> Bool {
        beginWaiting()
        var patience: ContinuousClock.Instant?
        while chunk.count < limit {
            var row: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(pointer, &row, 1)
            if count > 0, let row {
                chunk.append(contentsOf: UnsafeRawBufferPointer(start: row, count: Int(count)))
                PQfreemem(row)
            } else if count == 0 {
                if !chunk.isEmpty, patience == nil { patience = .now + Self.linger }
                if try !receive(until: patience) { return true }
            } else if count == -1 {
                return false
            } else {
                throw lost()
            }
        }
        return true
    }

    /// Reads how the COPY ended; throws the error that ended it.
    func finishCopy() throws(PostgresError) {
        beginWaiting()
        do throws(PostgresError) {
            try collect { (_) throws(PostgresError) in }
        } catch {
            try? endOwnTransaction()
            throw error
        }
        try endOwnTransaction()
    }

    // MARK: Row by row

    /// Starts a statement whose rows are taken in as they come, with ``appendRows(to:upTo:)``.
    func startRows(_ sql: String, _ parameters: [String?]) throws(PostgresError) {
        try Self.check(sql, parameters)
        try beginOwnTransaction()
        try sendQuery(sql, parameters)
        guard PQsetSingleRowMode(pointer) == 1 else { throw lost() }
    }

    /// Appends rows until `batch` has about `limit` bytes or no more come for a moment.
    ///
    /// - Returns: `false` at the end of the statement; an error of the server that ended it is then in `failure`, so
    ///   that the rows before it can be handed on.
    func appendRows(
        to batch: inout RowBatchBuilder, upTo limit: Int, failure: inout PostgresError?
    ) throws(PostgresError) -> Bool {
        beginWaiting()
        var patience: ContinuousClock.Instant?
        while batch.size < limit {
            if PQisBusy(pointer) == 1 {
                if !batch.isEmpty, patience == nil { patience = .now + Self.linger }
                if try !receive(until: patience) { return true }
                continue
            }
            guard let pending = PQgetResult(pointer) else {
                try endOwnTransaction()
                return false
            }
            let result = ResultHandle(pending)
            switch result.kind {
            case .oneRow, .rows:
                batch.append(result)
            case .failure:
                failure = failure ?? PostgresError(result)
            case .done, .pipelineSync, .skipped:
                break
            case .copyOut, .otherCopy:
                throw .copyHere
            }
        }
        return true
    }
}
