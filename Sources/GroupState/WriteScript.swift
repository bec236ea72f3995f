package import CacheRefresh
package import LeaderElection
package import RedisClient

/// `write.lua`: the only way in which a leader changes cached keys.
package enum WriteScript {
    package static let script = RedisScript(
        name: "write", source: String(decoding: PackageResources.write_lua, as: UTF8.self))

    package static func command(
        scriptSHA: String, fenceKey: String, epoch: Epoch, token: Token, previous: Int64, next: Int64, batch: WriteBatch
    ) -> RedisCommand {
        var head = RedisArguments()
        head.append("EVALSHA")
        head.append(scriptSHA)
        head.append(String(batch.keys.count + 1))
        head.append(fenceKey)
        var middle = RedisArguments()
        middle.append("\(epoch)")
        middle.append("\(token)")
        middle.append(String(previous))
        middle.append(String(next))
        middle.append(batch.operations)
        return RedisCommand(segments: [
            head, RedisArguments(bytes: batch.keys.bytes, lengths: batch.keys.lengths), middle,
            RedisArguments(bytes: batch.arguments.bytes, lengths: batch.arguments.lengths),
        ])
    }
}
