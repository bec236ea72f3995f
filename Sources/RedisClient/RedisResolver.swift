internal import NIOCore

/// Says where connections go. It is asked at each connecting, so its answer may change while a client runs.
public protocol RedisResolver: Sendable {
    /// Finds the address to connect to now.
    ///
    /// The time for it is part of ``RedisConfiguration/connectTimeout``. When that is over, or the connecting is
    /// cancelled, the task is cancelled too, and its answer is not waited for.
    ///
    /// - Parameter url: the configuration's.
    /// - Throws: ``RedisError``, with a message that says what to do; usually `unreachable`.
    func address(of url: RedisURL) async throws(RedisError) -> RedisURL.Address
}

/// The resolver that answers the address in the URL.
public struct URLResolver: RedisResolver {
    /// It knows nothing but the URL.
    public init() {}

    public func address(of url: RedisURL) async throws(RedisError) -> RedisURL.Address { url.address }
}

extension RedisConfiguration {
    /// Asks the resolver, in a task of its own: one that does not answer is left alone.
    func resolvedAddress(
        _ budget: TimeBudget, on eventLoop: any EventLoop
    ) async throws(RedisError) -> RedisURL.Address {
        let answer = Slot<RedisURL.Address>()
        let (resolver, url) = (resolver, url)
        let asking = Task {
            do throws(RedisError) {
                answer.fill(.success(try await resolver.address(of: url)))
            } catch {
                answer.fill(.failure(error))
            }
        }
        let timer = eventLoop.scheduleTask(in: TimeAmount(budget.left)) {
            answer.fill(.failure(.noAddressInTime(url)))
        }
        defer {
            timer.cancel()
            asking.cancel()
        }
        do throws(RedisError) {
            return try await answer.value().get()
        } catch {
            throw error.with(delivery: .notSent)
        }
    }
}

extension RedisError {
    fileprivate static func noAddressInTime(_ url: RedisURL) -> RedisError {
        RedisError(
            code: .timeout, delivery: .notSent,
            message: "Nobody said in time where \(url) is: see whether the service that knows it answers.")
    }
}
