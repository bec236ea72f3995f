package import CacheRefresh

/// The end of a pass, which takes its batches: to Redis, or to a comparison that writes nothing.
package protocol PassSink {
    /// Takes all batches that there are now. Some may still be without an answer when it returns.
    mutating func takeBatches(of refresh: inout DatasetRefresh) async throws
    /// Waits until each batch was answered.
    mutating func drain(_ refresh: inout DatasetRefresh) async throws
    /// Gives the pass up: what was not answered counts as lost.
    mutating func giveUp(_ refresh: inout DatasetRefresh)
}
