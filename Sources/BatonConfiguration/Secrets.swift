package import PostgresClient
package import RedisClient
internal import Synchronization

/// The users and passwords with which this replica signs in at PostgreSQL and at each Redis, as they are now: files
/// that variables name (`…_FILE`) are read again at each question, everything else is as the configuration was when it
/// was loaded last.
///
/// The servers' places are not exchanged: a URL that leads elsewhere takes a restart, which asks the server which
/// database it is.
package final class Secrets: Sendable {
    private struct State {
        var postgres: Configuration.Postgres
        var redis: [String: Configuration.Redis]
    }

    private let state: Mutex<State>

    package init(_ configuration: Configuration) {
        state = Mutex(State(postgres: configuration.postgres, redis: configuration.redis))
    }

    /// The configuration was loaded again.
    package func replace(_ latest: Configuration) {
        state.withLock { state in
            if latest.postgres.leadsToSame(as: state.postgres) {
                state.postgres.url = latest.postgres.url
                state.postgres.password = latest.postgres.password
            }
            for (name, redis) in latest.redis where state.redis[name].map(redis.leadsToSame) ?? false {
                state.redis[name] = redis
            }
        }
    }

    /// How to sign in at PostgreSQL. May block.
    ///
    /// - Returns: the connection string, and the password that goes before one in it.
    package func postgres() throws(PostgresError) -> (url: String, password: String?) {
        let latest = state.withLock { $0.postgres }
        do throws(SettingRefusal) {
            let read = try latest.read()
            guard read.leadsToSame(as: latest) else { throw .elsewhere(latest.urlFile) }
            return (read.url, read.password)
        } catch {
            throw PostgresError(code: .authentication, message: error.sentence)
        }
    }

    /// How to sign in at the Redis of this name. May block.
    package func redis(_ name: String) throws(RedisError) -> RedisCredentials {
        guard let latest = state.withLock({ $0.redis[name] }) else {
            preconditionFailure("there is no redis \(name) in the configuration")
        }
        do throws(SettingRefusal) {
            let read = try latest.read()
            guard read.leadsToSame(as: latest) else { throw .elsewhere(latest.urlFile) }
            return RedisCredentials(
                username: read.username ?? read.url.username, password: read.password ?? read.url.password)
        } catch {
            throw RedisError(code: .authentication, delivery: .notSent, message: error.sentence)
        }
    }
}

extension Configuration.Postgres {
    /// The same with what its secrets' files hold now.
    fileprivate func read() throws(SettingRefusal) -> Self {
        var read = self
        if let urlFile { read.url = try urlFile.value(.postgresURL) }
        if let passwordFile { read.password = try passwordFile.value(.password) }
        return read
    }

    /// Whether both lead to the same database, whoever signs in.
    package func leadsToSame(as other: Self) -> Bool {
        url == other.url
            || PostgresConfiguration(url: url).leadsToSame(as: PostgresConfiguration(url: other.url))
    }
}

extension Configuration.Redis {
    /// The same with what its secrets' files hold now.
    fileprivate func read() throws(SettingRefusal) -> Self {
        var read = self
        if let urlFile { read.url = try urlFile.value(.redisURL) }
        if let passwordFile { read.password = try passwordFile.value(.password) }
        return read
    }

    /// Whether both lead to the same database in the same way, whoever signs in.
    package func leadsToSame(as other: Self) -> Bool {
        func place(_ url: RedisURL) -> RedisURL {
            RedisURL(address: url.address, usesTLS: url.usesTLS, database: url.database)
        }
        return place(url) == place(other.url) && tls == other.tls
    }
}

extension SettingRefusal {
    fileprivate static func elsewhere(_ file: SecretFile?) -> SettingRefusal {
        SettingRefusal(
            "\((file?.path ?? "the URL").quoted) now leads to another server or database",
            remedy: "Restart the replica for that, or put the URL back")
    }

    /// The error as a sentence that stands alone.
    fileprivate var sentence: String { "The secret's file \(problem). \(remedy)." }
}
