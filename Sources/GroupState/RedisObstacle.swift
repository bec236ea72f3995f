/// Why Baton can't work with a Redis, and what to do about it.
package struct RedisObstacle: Hashable, Sendable, CustomStringConvertible {
    /// The problem, as a sentence without its full stop.
    package let text: String
    /// The remedy, as a sentence without its full stop.
    package let remedy: String

    init(_ text: String, _ remedy: String) {
        self.text = text
        self.remedy = remedy
    }

    /// `What is the matter. What to do.`
    package var description: String { "\(text). \(remedy)." }
}
