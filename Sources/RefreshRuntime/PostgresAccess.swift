package import BatonConfiguration
package import Logging
internal import NIOPosix
package import PostgresClient
internal import Synchronization
internal import Telemetry

/// The way to open connections to PostgreSQL: each with the user and the password as they are now, and, if they can't
/// be read or the server refuses them, with those that worked last. So a password may be exchanged at any time, here or
/// at the server first. Certificates are read by libpq itself, for each connection.
package final class PostgresAccess: Sendable {
    private struct SignIn: Hashable, Sendable {
        var url: String
        var password: String?
    }

    private struct State {
        /// The sign-in with which the last connection got in.
        var working: SignIn?
        /// Why the newest is not used, as far as that was told.
        var toldProblem: String?
    }

    private let configuration: PostgresConfiguration
    private let secrets: Secrets?
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - configuration: everything but who signs in.
    ///   - secrets: nil where nobody exchanges them: whoever the configuration names signs in.
    package init(
        _ configuration: PostgresConfiguration, secrets: Secrets? = nil,
        logger: Logger = Logger(label: "discarded") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.configuration = configuration
        self.secrets = secrets
        self.logger = logger
    }

    /// Opens a connection.
    ///
    /// - Parameter timeout: nil is that of the configuration.
    package func connect(within timeout: Duration? = nil) async throws(PostgresError) -> PostgresConnection {
        let former = state.withLock { $0.working }
        let problem: PostgresError
        switch await read() {
        case .success(let newest):
            do throws(PostgresError) {
                let connection = try await open(newest, within: timeout)
                accepted(newest)
                return connection
            } catch {
                guard error.code == .authentication, newest != former else { throw error }
                problem = error
            }
        case .failure(let error):
            problem = error
        }
        guard let former else { throw problem }
        let connection: PostgresConnection
        do throws(PostgresError) { connection = try await open(former, within: timeout) } catch { throw problem }
        tell(problem)
        return connection
    }

    private func open(_ signIn: SignIn, within timeout: Duration?) async throws(PostgresError) -> PostgresConnection {
        var configuration = configuration
        (configuration.url, configuration.password) = (signIn.url, signIn.password)
        if let timeout { configuration.connectTimeout = timeout }
        return try await PostgresConnection.connect(configuration)
    }

    /// Reads who signs in, on a thread that may block.
    private func read() async -> Result<SignIn, PostgresError> {
        guard let secrets else {
            return .success(SignIn(url: configuration.url, password: configuration.password))
        }
        do {
            return try await NIOThreadPool.singleton.runIfActive {
                Result { () throws(PostgresError) in
                    let (url, password) = try secrets.postgres()
                    return SignIn(url: url, password: password)
                }
            }
        } catch {
            return .failure(PostgresError(code: .cancelled, message: "Connecting was cancelled."))
        }
    }

    private func accepted(_ newest: SignIn) {
        let isExchanged = state.withLock { state in
            defer { (state.working, state.toldProblem) = (newest, nil) }
            return state.working != nil && state.working != newest
        }
        if isExchanged { logger.notice("postgres accepts the new password") }
    }

    private func tell(_ problem: PostgresError) {
        let isNew = state.withLock { state in
            defer { state.toldProblem = problem.message }
            return state.toldProblem != problem.message
        }
        guard isNew else { return }
        logger.error("a new password can't be used; the one before still works", [.problem: "\(problem)"])
    }
}
