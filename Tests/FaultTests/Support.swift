import Faults
import Foundation

enum Support {
    /// The built program beside this test bundle.
    static var program: String {
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let beside = (bundle ?? URL(fileURLWithPath: CommandLine.arguments[0])).deletingLastPathComponent()
        return beside.appendingPathComponent("baton").path
    }

    static var options: Cluster.Options { Cluster.Options(program: program) }
}
