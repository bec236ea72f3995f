/// Who leads, as written in the key for which the replicas of a group compete.
public struct Lease: Hashable, Sendable {
    /// The exact text of the key. Renewing and resigning compare it byte for byte, so it is never rebuilt from the
    /// fields.
    public let text: String
    public let epoch: Epoch
    public let token: Token
    /// The name of the replica that holds it, for people; two replicas may bear the same.
    public let holder: String
    /// When the term began, in milliseconds since 1970 by the store's clock; for people.
    public let sinceMilliseconds: Int64

    public init(text: String, epoch: Epoch, token: Token, holder: String, sinceMilliseconds: Int64) {
        self.text = text
        self.epoch = epoch
        self.token = token
        self.holder = holder
        self.sinceMilliseconds = sinceMilliseconds
    }
}
