package import RedisClient

extension Configuration.Redis {
    package func clientConfiguration(name: String) -> RedisConfiguration {
        RedisConfiguration(url: url, tls: tls, username: username, password: password, clientName: name)
    }
}
