internal import Drills
internal import JSON

/// An event on the stage.
enum DemoEvent: Hashable, Sendable {
    case replicaStarted(replica: String, pid: Int32)
    /// `ending` is such as `signal 9`; `restart` says when another process takes its place.
    case replicaEnded(replica: String, ending: String, restart: Duration?)
    /// The operating system's word for its process: stopped by a signal, or not; and its memory in bytes.
    case replicaSeen(replica: String, isStopped: Bool, memory: Int)
    case logged(replica: String, LogLine)
    /// Who holds the lease; nil if nobody does.
    case leaseSeen(LeaseView?)
    /// A row was changed.
    case changed(String)
    /// The cache shows that change.
    case fresh(String, after: Duration)
    /// The cache did not show it in time.
    case overdue(String, after: Duration)
    case trouble(String)
    /// Time has passed, or the terminal has another size.
    case tick
}

/// The lease as anybody can read it in Redis.
struct LeaseView: Hashable, Sendable {
    let holder: String
    let epoch: String

    init(holder: String, epoch: String) {
        self.holder = holder
        self.epoch = epoch
    }

    /// - Parameter text: the JSON under the lease's key.
    init?(parsing text: [UInt8]) {
        guard let value = JSONValue(parsing: text), let holder = value["holder"]?.text else { return nil }
        self.init(holder: holder, epoch: value["epoch"]?.text ?? "?")
    }
}
