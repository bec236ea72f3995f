extension RedisConnection {
    /// Runs commands in one step, between `MULTI` and `EXEC`: no other client sees only some of them done, and if the
    /// connection ends before all of them have arrived, none is run. One that fails keeps no other from running.
    ///
    /// Nobody else may use the connection meanwhile: what another task submits would become a part of it.
    ///
    /// - Returns: what became of each command; the errors are ``RedisError/Delivery/rejected``.
    /// - Throws: ``RedisError``; with ``RedisError/Delivery/unknown`` they may have run, else none was run. A
    ///   connection that may be within a transaction still is closed.
    public func transaction(
        _ commands: [RedisCommand]
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        // One that can't be sent must not leave the others to run without it.
        guard commands.allSatisfy({ $0.encoded != nil }) else { throw .notEncodable }
        do throws(RedisError) {
            // Alone: behind a `MULTI` that is refused, each command would be run at once.
            _ = try await send(RedisCommand("MULTI"))
        } catch {
            if error.serverError == nil { await close() }
            throw error.delivery == .unknown ? error.with(delivery: .notSent) : error
        }
        let queued = commands.map { enqueue($0, timeout: nil, maySurpassDepth: true) }
        let executed = enqueue(RedisCommand("EXEC"), timeout: nil, maySurpassDepth: true)
        do throws(RedisError) {
            guard let answers = try await executed.value().array, answers.count == commands.count else {
                throw RedisError(
                    code: .protocolViolation, delivery: .unknown, message: "EXEC did not answer to each command.")
            }
            return answers.map { answer in
                if case .error(let error) = answer { return .failure(.rejected(error)) }
                return .success(answer)
            }
        } catch {
            guard let answer = error.serverError else {
                await close()
                throw error
            }
            // Why a command was refused was answered to it; why `EXEC` itself was, stands in its answer.
            for reply in queued { _ = try await reply.value() }
            throw answer.causeOfAbort.map { .rejected($0) } ?? error
        }
    }
}

extension RedisServerError {
    /// `EXECABORT Transaction discarded because of: OOM …`: the error behind the colon.
    fileprivate var causeOfAbort: RedisServerError? {
        guard prefix == "EXECABORT", let words = message.firstRange(of: "because of: ") else { return nil }
        return RedisServerError(line: String(message[words.upperBound...]))
    }
}
