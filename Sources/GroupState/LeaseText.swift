internal import JSON

/// The content of a lease, for people who want to know who leads.
package struct LeaseText: Hashable, Sendable {
    package let epoch: String
    package let token: String
    package let holder: String
    package let sinceMilliseconds: Int64
    package let deployment: String

    /// - Parameter text: JSON, as the scripts write it, of any format. Nil for anything else.
    package init?(_ text: some Collection<UInt8>) {
        guard let fields = KeptNote.read(text), let epoch = fields["epoch"]?.string, KeptNumber.read(epoch) != nil,
            let token = fields["token"]?.string, let holder = fields["holder"]?.string,
            let since = KeptNumber.read(fields["since"]?.string), let deployment = fields["deployment"]?.string
        else { return nil }
        self.epoch = epoch
        self.token = token
        self.holder = holder
        sinceMilliseconds = since
        self.deployment = deployment
    }
}
