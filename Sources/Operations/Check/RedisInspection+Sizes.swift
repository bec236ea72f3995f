internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import RedisClient

extension RedisInspection {
    /// Datasets that allow larger values than this Redis takes. Nothing where the user may not ask.
    func sizeFindings() async throws(RedisError) -> [Finding] {
        let setting = "proto-max-bulk-len"
        let reply: RedisValue
        do throws(RedisError) {
            reply = try await client.send(RedisCommand("CONFIG", "GET", setting))
        } catch {
            guard error.serverError != nil else { throw error }
            return []
        }
        let texts = (reply.array ?? []).map { $0.string ?? "" }
        guard texts.count == 2, let limit = Int(texts[1]) else { return [] }
        return configuration.enabledDatasets.filter { $0.redis == name && $0.mode != .invalidate }
            .filter { $0.maxValueBytes > limit }.map { dataset in
                .warning(
                    "\(dataset.name) allows values of \(ByteCount.render(dataset.maxValueBytes)), and this Redis takes none above "
                        + "\(ByteCount.render(limit)) (\(setting)): rows with larger ones are set aside",
                    "Lower `maxValueBytes` to that, or raise \(setting)")
            }
    }
}
