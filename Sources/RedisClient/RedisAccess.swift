internal import Logging
internal import NIOPosix
internal import Synchronization

/// The user and password to sign in with.
public struct RedisCredentials: Hashable, Sendable {
    /// `nil` is the server's default user.
    public var username: String?
    /// `nil` sends no `AUTH` unless there is a user name.
    public var password: String?

    /// A user and a password.
    public init(username: String? = nil, password: String? = nil) {
        self.username = username
        self.password = password
    }
}

extension RedisCredentials: CustomStringConvertible, CustomReflectable {
    /// The user, not the password.
    public var description: String { username ?? "default" }
    public var customMirror: Mirror { Mirror(self, children: ["username": description]) }
}

/// The secrets and certificates that a connection needs, as they are now. They belong to the configuration and serve at
/// every address that its resolver answers.
struct RedisSignIn: Equatable, Sendable {
    let credentials: RedisCredentials
    /// `nil` without TLS.
    let tls: TLSMaterial?
}

/// How the connections of one configuration get in: with what its files and ``RedisConfiguration/credentials`` say at
/// that moment, and, if that can't be read or the other side refuses it, with what worked last. So a secret or a
/// certificate may be exchanged at any time, and one that is wrong does no harm while the one before still works.
final class RedisAccess: Sendable {
    private struct State {
        /// The sign-in with which the last connection got in.
        var working: RedisSignIn?
        /// Why the newest is not used, as far as that was told.
        var toldProblem: String?
    }

    private let state = Mutex(State())

    /// Opens a connection.
    ///
    /// - Parameter open: is given what to sign in with.
    func connect(
        _ configuration: RedisConfiguration, logger: Logger,
        _ open: (RedisSignIn) async throws(RedisError) -> RedisConnection
    ) async throws(RedisError) -> RedisConnection {
        let former = state.withLock { $0.working }
        let problem: RedisError
        switch await Self.read(configuration) {
        case .success(let newest):
            do throws(RedisError) {
                let connection = try await open(newest)
                accepted(newest, logger)
                return connection
            } catch {
                guard error.isRefusal, newest != former else { throw error }
                problem = error
            }
        case .failure(let error):
            problem = error
        }
        guard let former else { throw problem }
        let connection: RedisConnection
        do throws(RedisError) { connection = try await open(former) } catch { throw problem }
        tell(problem, logger)
        return connection
    }

    /// What to sign in with as it is now, read on a thread that may block.
    private static func read(_ configuration: RedisConfiguration) async -> Result<RedisSignIn, RedisError> {
        let read: @Sendable () -> Result<RedisSignIn, RedisError> = {
            Result { () throws(RedisError) in
                RedisSignIn(
                    credentials: try configuration.credentials?() ?? configuration.fixedCredentials,
                    tls: configuration.url.usesTLS ? try TLSMaterial(configuration.tls) : nil)
            }
        }
        guard configuration.credentials != nil || configuration.url.usesTLS else { return read() }
        do {
            return try await NIOThreadPool.singleton.runIfActive(read)
        } catch {
            return .failure(
                RedisError(code: .cancelled, delivery: .notSent, message: "Connecting was cancelled.", underlying: nil))
        }
    }

    private func accepted(_ newest: RedisSignIn, _ logger: Logger) {
        let isExchanged = state.withLock { state in
            defer { (state.working, state.toldProblem) = (newest, nil) }
            return state.working != nil && state.working != newest
        }
        if isExchanged { logger.notice("redis accepts the new password or certificate") }
    }

    private func tell(_ problem: RedisError, _ logger: Logger) {
        let isNew = state.withLock { state in
            defer { state.toldProblem = problem.message }
            return state.toldProblem != problem.message
        }
        guard isNew else { return }
        logger.error(
            "a new password or certificate can't be used; the one before still works",
            metadata: ["error": "\(problem)"])
    }
}

extension RedisError {
    /// Whether other credentials or certificates might help.
    fileprivate var isRefusal: Bool { code == .authentication || code == .tls }
}

extension RedisConfiguration {
    /// The credentials as they stand in the configuration and its URL.
    fileprivate var fixedCredentials: RedisCredentials {
        RedisCredentials(username: username ?? url.username, password: password ?? url.password)
    }
}
