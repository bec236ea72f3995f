import Foundation
import LocalStack
import Synchronization

/// One `baton run` process.
final class Replica: Sendable {
    /// A line of its log, with the moment at which it was read here.
    struct Line {
        let at: ContinuousClock.Instant
        let message: String
        let fields: [String: String]
    }

    let name: String
    let process: ChildProcess
    private let lines: Lines

    init(name: String, process: ChildProcess) {
        self.name = name
        self.process = process
        let lines = Lines()
        self.lines = lines
        Task {
            for await text in process.standardError {
                let at = ContinuousClock.now
                guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
                    FileHandle.standardError.write(Data("  \(name): \(text)\n".utf8))
                    continue
                }
                let fields = object.mapValues { "\($0)" }
                lines.all.withLock { $0.append(Line(at: at, message: fields["message"] ?? "", fields: fields)) }
            }
        }
    }

    private final class Lines: Sendable {
        let all = Mutex<[Line]>([])
    }

    /// How many lines have been read, to wait for one behind them.
    var count: Int { lines.all.withLock { $0.count } }

    /// Waits for a line with this message.
    func line(
        _ message: String, after start: Int = 0, within limit: Duration = .seconds(300),
        where condition: (Line) -> Bool = { _ in true }
    ) async throws -> Line {
        let end = ContinuousClock.now + limit
        while true {
            let found = lines.all.withLock { $0.dropFirst(start).first { $0.message == message && condition($0) } }
            if let found { return found }
            guard process.isRunning, ContinuousClock.now < end else {
                throw Shell.Failed(description: "replica \(name): no line '\(message)' within \(limit)")
            }
            // The line bears the moment at which it was read, so looking rarely costs no precision, and takes nothing
            // from Baton.
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    // MARK: What the kernel says of it

    /// The most memory it ever had, in bytes.
    var peakMemory: Int { process.peakMemory }

    /// The processor time that it has used.
    var processorTime: Duration {
        let text = (try? String(contentsOfFile: "/proc/\(process.pid)/stat", encoding: .utf8)) ?? ""
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return .zero }
        return .milliseconds((user + system) * 1000 / Int(sysconf(Int32(_SC_CLK_TCK))))
    }
}

extension ChildProcess {
    /// The most memory that it ever had, in bytes; 0 once it has ended.
    var peakMemory: Int {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (Int(line.filter(\.isNumber)) ?? 0) * 1024
    }
}
