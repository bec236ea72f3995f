import Faults
import Foundation
import Testing

enum Support {
    /// The lease's TTL, as replicas have it that are not told otherwise.
    static let ttl = Duration.seconds(3)

    static let options = Cluster.Options()

    static var inNamespaces: Cluster.Options {
        var options = options
        options.inNamespaces = true
        return options
    }

    /// Expects that no promise was broken, and a leader within two TTLs after the fault.
    ///
    /// - Parameter length: how long the fault kept everybody from leading.
    static func expectSound(
        _ cluster: Cluster, after length: Duration = .zero, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let verdict = try await cluster.verdict()
        let report = Comment(rawValue: verdict.report())
        #expect(verdict.violations == [], report, sourceLocation: sourceLocation)
        #expect(verdict.longestGap < length + ttl * 2, report, sourceLocation: sourceLocation)
        #expect(verdict.writesAccepted > 0, report, sourceLocation: sourceLocation)
        // What Redis was seen to do is what the group itself says.
        let events = try await cluster.command("XRANGE", "{baton:default}:events", "-", "+")
        let elected = events.components(separatedBy: "\"elected\"").count - 1
        let flushed = cluster.recorder.history.entries.contains {
            if case .redis(.byHand(command: "FLUSHALL", key: _)) = $0.event { true } else { false }
        }
        let restarted = cluster.recorder.history.entries.contains {
            if case .redisResumed = $0.event { true } else { false }
        }
        if !flushed, !restarted { #expect(verdict.terms.count == elected, report, sourceLocation: sourceLocation) }
    }
}

/// Whether network namespaces can be made here, found out once.
let namespacesArePossible = Task { await Namespace.isPossible() }
