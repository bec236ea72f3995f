extension RedisConnection {
    /// Runs commands in one step, between `MULTI` and `EXEC`: no other client sees only some of them done, and if the connection
    /// ends before all of them have arrived, none is run. One that fails keeps no other from running.
    ///
    /// Nobody else may use the connection meanwhile: what another task submits would become a part of it.
    ///
    /// - Returns: the reply of each command; ``RedisValue/error(_:)`` for one that failed.
    /// - Throws: ``RedisError``; with ``RedisError/Delivery/unknown`` they may have run, else none was run.
    public func transaction(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisValue] {
        // One that can't be sent must not leave the others to run without it.
        guard commands.allSatisfy({ $0.encoded != nil }) else { throw .notEncodable }
        let queued = ([RedisCommand("MULTI")] + commands).map { enqueue($0, timeout: nil, maySurpassDepth: true) }
        let executed = enqueue(RedisCommand("EXEC"), timeout: nil, maySurpassDepth: true)
        do throws(RedisError) {
            guard let answers = try await executed.value().array, answers.count == commands.count else {
                throw RedisError(
                    code: .protocolViolation, delivery: .unknown, message: "EXEC did not answer to each command.")
            }
            return answers
        } catch {
            // `EXECABORT` says only that a command was refused; why was answered to the command.
            if error.serverError != nil { for reply in queued { _ = try await reply.value() } }
            throw error
        }
    }
}
