internal import CacheRefresh

extension Configuration {
    /// Whether more differs than the datasets and who signs in.
    package func needsRestart(after other: Configuration) -> Bool {
        var mine = self
        mine.datasets = other.datasets
        mine.families = other.families
        mine.settings = other.settings
        if mine.postgres.leadsToSame(as: other.postgres) {
            (mine.postgres.url, mine.postgres.password) = (other.postgres.url, other.postgres.password)
        }
        for (name, redis) in mine.redis {
            guard let former = other.redis[name], redis.leadsToSame(as: former) else { continue }
            mine.redis[name] = former
        }
        return mine != other
    }
}
