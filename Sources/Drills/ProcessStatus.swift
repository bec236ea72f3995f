internal import Glibc

/// The state of a process at one moment, as the operating system knows it.
public struct ProcessStatus: Hashable, Sendable {
    /// Whether a signal stopped it.
    public let isStopped: Bool
    /// The memory that it has, in bytes.
    public let memory: Int
    /// The most memory that it ever had, in bytes.
    public let peakMemory: Int
    /// The processor time that all its threads have used, in steps of the kernel's clock, which are 10 ms.
    public let processorTime: Duration

    /// Asks for it; nil if there is no such process.
    public init?(of pid: Int32) {
        guard let status = Self.contents("/proc/\(pid)/status"), let times = Self.contents("/proc/\(pid)/stat")
        else { return nil }
        var values: [Substring: Substring] = [:]
        for line in status.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        func bytes(_ name: Substring) -> Int {
            (values[name]?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 0) << 10
        }
        isStopped = values["State"]?.contains("T") ?? false
        memory = bytes("VmRSS")
        peakMemory = bytes("VmHWM")
        // The name of the program, in parentheses, may hold anything; user and system time are the 12th and 13th behind.
        let fields = times.split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.dropFirst(11).prefix(2).reduce(0) { $0 + (Int($1) ?? 0) }
        processorTime = .seconds(Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// The first 8 KiB of a file.
    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
