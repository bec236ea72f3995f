package import CacheRefresh

extension WriteBatch {
    /// Strings to store.
    package static func strings(_ values: [(key: String, value: String)]) -> WriteBatch {
        var batch = WriteBatch()
        for (key, value) in values {
            batch.keys.append(key)
            batch.arguments.append(value)
            batch.arguments.append("600000")
            batch.close(.set)
        }
        return batch
    }
}
