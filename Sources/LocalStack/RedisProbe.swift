/// Asks a Redis at a unix socket for a sign of life.
enum RedisProbe {
    /// Whether the server has loaded its data and answers commands, be it by refusing them for lack of a password.
    static func answers(at path: String) async -> Bool {
        guard let answer = await UnixSocket.ask("PING\r\n", at: path) else { return false }
        return !answer.starts(with: "-LOADING".utf8)
    }
}
