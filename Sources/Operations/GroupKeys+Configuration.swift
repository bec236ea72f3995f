package import BatonConfiguration
package import GroupState

extension GroupKeys {
    /// The keys of the group that a configuration names.
    package init(_ configuration: Configuration) {
        self.init(prefix: configuration.keyPrefix, group: configuration.group)
    }
}
