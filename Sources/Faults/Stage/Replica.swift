internal import Drills
internal import Glibc
public import LocalStack
internal import Synchronization

/// A replica with its own way to Redis, whose process can be ended and started again.
public final class Replica: Sendable {
    /// The replica's name as it stands in the lease.
    public let name: String
    /// Its way to Redis.
    public let link: FaultyLink
    /// The network that it runs in; nil for ours.
    public let namespace: Namespace?
    /// Its way to PostgreSQL, if it runs in a network of its own.
    private let databaseLink: FaultyLink?
    private let program: String
    private let configuration: String
    private let recorder: Recorder
    private let current = Mutex<ReplicaProcess?>(nil)

    init(
        name: String, link: FaultyLink, databaseLink: FaultyLink?, namespace: Namespace?, program: String,
        configuration: String, recorder: Recorder
    ) {
        self.name = name
        self.link = link
        self.databaseLink = databaseLink
        self.namespace = namespace
        self.program = program
        self.configuration = configuration
        self.recorder = recorder
    }

    /// Whether its process is there, stopped or not.
    public var isRunning: Bool { current.withLock { $0?.process.isRunning ?? false } }

    /// Starts the process.
    public func start() async throws {
        let (name, recorder) = (name, recorder)
        recorder.note(.started(replica: name))
        let replica = try await ReplicaProcess.start(
            name, program: program, configuration: configuration, through: namespace?.wrapper ?? [], linesKept: 0
        ) { recorder.note(.log(replica: name, $0)) }
        current.withLock { $0 = replica }
        // It ends with the process.
        Task { recorder.note(.ended(replica: name, how: "\(await replica.ended())")) }
    }

    /// Sends the process a signal.
    public func signal(_ number: Int32) throws {
        try current.withLock { $0 }?.process.signal(number)
    }

    /// Waits for the end of the process, at most for `limit`.
    ///
    /// - Returns: how it ended; nil if it still runs.
    public func ended(within limit: Duration) async -> ChildProcess.ExitStatus? {
        await current.withLock { $0 }?.ended(within: limit)
    }

    /// Which way nothing passes: to it and from it, from it, to it.
    public enum Cut: Hashable, Sendable { case both, outward, inward }

    /// Cuts it off from Redis (and PostgreSQL, where it has a network of its own): at the wire if it has one, else in
    /// its link.
    public func cut(_ cut: Cut) async throws {
        switch (cut, namespace) {
        case (.both, let namespace?): try await namespace.setLink(up: false)
        case (.outward, let namespace?): try await namespace.cut(.outward)
        case (.inward, let namespace?): try await namespace.cut(.inward)
        case (.both, nil): link.set(toServer: .swallowed, toClient: .swallowed)
        case (.outward, nil): link.set(toServer: .swallowed)
        case (.inward, nil): link.set(toClient: .swallowed)
        }
    }

    /// Makes its network whole again.
    public func heal() async throws {
        try await link.heal()
        try await namespace?.heal()
    }

    func close() async {
        let process = current.withLock { $0 }?.process
        try? process?.signal(SIGCONT)
        await process?.kill()
        await link.close()
        await databaseLink?.close()
        await namespace?.close()
    }
}
