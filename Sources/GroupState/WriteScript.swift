package import CacheRefresh
package import LeaderElection
package import RedisClient

/// `write.lua`: the only way in which a leader changes cached keys.
package enum WriteScript {
    package static let script = RedisScript(
        name: "write", source: String(decoding: PackageResources.write_lua, as: UTF8.self))

    /// The call for a batch.
    ///
    /// - Parameters:
    ///   - scriptSHA: as Redis answered when the script was loaded.
    ///   - previous: the sequence that the fence must have.
    ///   - next: the one that it gets.
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
        middle.append(batch.operations.map(letter))
        return RedisCommand(segments: [
            head, RedisArguments(bytes: batch.keys.bytes, lengths: batch.keys.lengths), middle,
            RedisArguments(bytes: batch.arguments.bytes, lengths: batch.arguments.lengths),
        ])
    }

    /// How the script calls what happens to a key.
    package static func letter(_ operation: WriteBatch.Operation) -> UInt8 {
        switch operation {
        case .delete: UInt8(ascii: "D")
        case .touch: UInt8(ascii: "T")
        case .touchHash: UInt8(ascii: "t")
        case .set: UInt8(ascii: "S")
        case .compareAndSet: UInt8(ascii: "C")
        case .setExisting: UInt8(ascii: "X")
        case .setHash: UInt8(ascii: "H")
        case .compareAndSetHash: UInt8(ascii: "h")
        case .setExistingHash: UInt8(ascii: "J")
        case .mark: UInt8(ascii: "M")
        }
    }
}
