internal import CacheRefresh
internal import ElectionRuntime
internal import GroupState
internal import RedisClient
internal import Synchronization

/// Tells in Redis how the datasets of one term fare, for `baton status`. Nothing is decided by it: what fails is left
/// out.
final class StatisticsReport: Sendable {
    /// How often it tells.
    static let interval = Duration.seconds(2)
    /// How long that stays when nobody tells any more.
    static let lifetime = Duration.seconds(60)

    private let key: String
    private let term: LeadershipTerm
    private let redis: RedisClient
    private let meters = Mutex<[String: DatasetMeter]>([:])

    /// - Parameters:
    ///   - key: where the statistics are kept.
    ///   - redis: the one of the lease; batches go through it too.
    init(key: String, term: LeadershipTerm, redis: RedisClient) {
        self.key = key
        self.term = term
        self.redis = redis
    }

    func add(_ meter: DatasetMeter) { meters.withLock { $0[meter.name] = meter } }

    /// Tells it again and again, until the task is cancelled or the term is over.
    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            guard !Task.isCancelled, term.isLive() else { return }
            await tell()
        }
    }

    /// Tells it once. One whose term is over may still do so, late: whoever reads compares the epoch.
    func tell() async {
        let entries = meters.withLock { $0.values.map { $0 } }.filter { !$0.hasEnded }.map {
            GroupStatistics.Entry(dataset: $0.name, statistics: $0.lastMinute)
        }
        let text = GroupStatistics(epoch: "\(term.epoch)", entries: entries).text
        // A script does it, which a full Redis lets pass: it is then that people look.
        _ = try? await redis.run(
            ScriptCall(
                script: ElectionScript.statistics, keys: [key], arguments: [text, "\(Self.lifetime.milliseconds)"]))
    }
}
