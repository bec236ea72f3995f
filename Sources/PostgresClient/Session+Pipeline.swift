internal import CLibpq

extension Session {
    /// One command of a pipeline.
    enum Command: Equatable {
        /// One statement, with its parameters in text form.
        case run(String, [String?])
        /// The columns that one statement would return; it is not run.
        case describe(String)

        static func run(_ sql: String) -> Command { .run(sql, []) }
    }

    /// Runs commands in one round trip, on one server even if a pooler is in between.
    ///
    /// The first error that the server reports is thrown after everything was read, so that the session can be used
    /// again.
    ///
    /// - Parameters:
    ///   - portions: the first error of a portion skips the rest of it; the next portion is run in any case.
    ///   - deadline: when to give up, and with which error.
    ///   - body: gets the results of the first portion, as long as nothing fails.
    func runPipeline(
        _ portions: [[Command]], until deadline: (instant: ContinuousClock.Instant, error: PostgresError)? = nil,
        _ body: (borrowing ResultHandle) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        for case .run(let sql, let parameters) in portions.joined() { try Self.check(sql, parameters) }
        for case .describe(let sql) in portions.joined() { try Self.check(sql, []) }
        guard PQenterPipelineMode(pointer) == 1 else { throw lost() }
        for portion in portions {
            for command in portion { try queue(command) }
            try send(PQpipelineSync(pointer))
        }
        var failure: PostgresError?
        var synced = 0
        while synced < portions.count {
            let next: ResultHandle?
            do throws(PostgresError) {
                // Each command's results end with nothing; nothing twice would be the end of a broken pipeline.
                let result = try nextResult(until: deadline)
                if result == nil { next = try nextResult(until: deadline) } else { next = result }
            } catch {
                throw failure ?? error
            }
            guard let result = next else { throw failure ?? lost() }
            switch result.kind {
            case .failure: failure = failure ?? PostgresError(result)
            case .done, .rows, .oneRow: if synced == 0, failure == nil { try body(result) }
            case .pipelineSync: synced += 1
            case .skipped: break
            case .copyOut, .otherCopy: throw .copyHere
            }
        }
        guard PQexitPipelineMode(pointer) == 1 else { throw failure ?? lost() }
        if let failure { throw failure }
    }

    private func queue(_ command: Command) throws(PostgresError) {
        let isQueued =
            switch command {
            case .run(let sql, let parameters):
                withCStrings(parameters) { values in
                    PQsendQueryParams(pointer, sql, Int32(parameters.count), nil, values, nil, nil, 0)
                } == 1
            case .describe(let sql):
                PQsendPrepare(pointer, "", sql, 0, nil) == 1 && PQsendDescribePrepared(pointer, "") == 1
            }
        guard isQueued else { throw lost() }
    }
}
