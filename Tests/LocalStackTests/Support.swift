import Glibc

@testable import LocalStack

/// The processes that work in a folder or below; a server works in its own.
func processes(in folder: String) -> [Int32] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var found: [Int32] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard let pid = Int32(name) else { continue }
        var target = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/\(pid)/cwd", &target, target.count)
        guard length > 0 else { continue }
        let path = String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if path.hasPrefix(folder) { found.append(pid) }
    }
    return found
}

/// Whether a process is there and not just waiting to be reaped.
func isAlive(_ pid: Int32) -> Bool {
    guard let stat = Files.readTail("/proc/\(pid)/stat"), let name = stat.lastIndex(of: ")") else { return false }
    let state = stat[stat.index(name, offsetBy: 2)]
    return state != "Z" && state != "X"
}

/// Waits until `condition` holds, for at most ten seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    try await poll(for: .seconds(10), every: .milliseconds(10)) { try await condition() ? true : nil } ?? false
}

/// Runs a Redis command over TCP and answers what `redis-cli` prints.
func redis(_ server: LocalRedis, _ arguments: String..., options: [String] = []) async throws -> String {
    try await redis(port: server.port, options + arguments, environment: server.environment)
}

/// The same at another port, such as a proxy's.
func redis(
    port: Int, _ arguments: [String], environment: [String: String?] = ["REDISCLI_AUTH": LocalPassword.ofThisProcess]
) async throws -> String {
    let output = try await Command.run(
        Launch(
            executable: Programs.find("redis-cli"), arguments: ["-h", "127.0.0.1", "-p", "\(port)"] + arguments,
            environment: .inherited(environment)))
    return output.hasSuffix("\n") ? String(output.dropLast()) : output
}

/// Runs SQL at a URL and answers the rows, one a line, columns separated by `|`.
@discardableResult
func psql(_ url: String, _ sql: String) async throws -> String {
    let output = try await Command.run(
        Launch(executable: Programs.postgresFolder() + "/psql", arguments: ["-XAtq", "-c", sql, url]))
    return output.hasSuffix("\n") ? String(output.dropLast()) : output
}
