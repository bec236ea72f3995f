internal import Synchronization

/// A Lua script that the server runs as one step. Two scripts are the same if their sources are.
public struct RedisScript: Hashable, Sendable {
    /// A name for people, which Redis never sees.
    public let name: String
    /// Lua, as `EVAL` takes it.
    public let source: String

    /// A script of this name and source.
    public init(name: String, source: String) {
        self.name = name
        self.source = source
    }

    /// Compares the sources.
    public static func == (left: RedisScript, right: RedisScript) -> Bool {
        left.source == right.source
    }

    /// Hashes the source.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.source)
    }
}

/// The scripts that a connection has run, and what it knows of them.
final class ScriptCache: Sendable {
    enum Knowledge {
        case sha(String)
        /// The user may not `SCRIPT LOAD`: the source is sent each time.
        case notLoadable
    }

    private let known = Mutex<[RedisScript: Knowledge]>([:])

    subscript(script: RedisScript) -> Knowledge? {
        get { self.known.withLock { $0[script] } }
        set { self.known.withLock { $0[script] = newValue } }
    }
}

extension RedisConnection {
    /// Makes the server know a script.
    ///
    /// - Parameter timeout: the time from now to the reply; `nil` is ``RedisConfiguration/commandTimeout``.
    /// - Returns: its SHA-1 as 40 hex digits, for `EVALSHA`.
    /// - Throws: ``RedisError``; `server` if the source does not compile.
    @discardableResult
    public func load(_ script: RedisScript, timeout: Duration? = nil) async throws(RedisError) -> String {
        try self.learn(script, from: try await self.submit(loading: script, timeout: timeout).value())
    }

    func submit(loading script: RedisScript, timeout: Duration?) -> RedisPendingReply {
        self.enqueue(RedisCommand("SCRIPT", "LOAD", script.source), timeout: timeout, maySurpassDepth: true)
    }

    /// - Parameter reply: the reply to the request to load it.
    @discardableResult
    func learn(_ script: RedisScript, from reply: RedisValue) throws(RedisError) -> String {
        guard let sha = reply.string, sha.utf8.count == 40, sha.utf8.allSatisfy(\.isHexDigit) else {
            throw RedisError.protocolViolation("SCRIPT LOAD answered \(reply)").with(delivery: .rejected)
        }
        self.scripts[script] = .sha(sha)
        return sha
    }

    /// Runs a script, by its SHA where the server knows it: the first call on a connection loads it, and a server that
    /// has forgotten it is sent the source.
    ///
    /// - Parameters:
    ///   - keys: the script's `KEYS`.
    ///   - arguments: the script's `ARGV`.
    ///   - timeout: the time for all of it together; `nil` is ``RedisConfiguration/commandTimeout``.
    /// - Throws: ``RedisError``; if it is `rejected` the script may have run up to the call that failed.
    public func evaluate(
        _ script: RedisScript, keys: [String], arguments: [String], timeout: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        let budget = TimeBudget(timeout ?? self.defaultTimeout)
        let operands = RedisArguments(["\(keys.count)"] + keys + arguments)
        if let sha = try await self.sha(of: script, budget) {
            do throws(RedisError) {
                let command = RedisCommand(segments: [RedisArguments(["EVALSHA", sha]), operands])
                return try await self.send(command, timeout: budget.left)
            } catch {
                guard error.serverError?.kind == .noScript else { throw error }
            }
        }
        let command = RedisCommand(segments: [RedisArguments(["EVAL", script.source]), operands])
        return try await self.send(command, timeout: budget.left)
    }

    private func sha(of script: RedisScript, _ budget: TimeBudget) async throws(RedisError) -> String? {
        switch self.scripts[script] {
        case .sha(let sha): return sha
        case .notLoadable: return nil
        case nil: break
        }
        do throws(RedisError) {
            return try await self.load(script, timeout: budget.left)
        } catch {
            guard error.serverError?.kind == .noPermission else { throw error }
            self.scripts[script] = .notLoadable
            return nil
        }
    }
}

/// One time for several steps.
struct TimeBudget {
    private let deadline: ContinuousClock.Instant

    init(_ duration: Duration) {
        self.deadline = .now + duration
    }

    /// What is left of it, at least zero.
    var left: Duration { max(.zero, self.deadline - .now) }
}
