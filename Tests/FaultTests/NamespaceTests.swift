import Faults
import Testing

@Suite(
    "The network cut for real",
    .enabled("needs root, the program ip, and a kernel that makes network namespaces") {
        await namespacesArePossible.value
    })
struct NamespaceTests {
    @Test(
        "Another replica takes over while the leader's wire is cut, and what comes late is refused",
        arguments: [Fault.cutOff, .cutOutward, .cutInward, .othersCutOff])
    func cut(_ fault: Fault) async throws {
        try await Cluster.with(Support.inNamespaces) { cluster in
            let victim = try await cluster.anyLeader()
            let undo = try await cluster.begin(fault, on: victim, for: .zero)
            if fault == .othersCutOff {
                try await Task.sleep(for: FaultTests.length)
                #expect(await cluster.leader()?.name == victim.name)
            } else {
                _ = try await cluster.anyLeader(but: victim)
            }
            try await cluster.settle()
            try await undo()
            try await cluster.settle()
            try await Support.expectSound(cluster)
        }
    }

    @Test("All replicas are cut off: a leader is there again when the wires are whole")
    func allCut() async throws {
        try await Cluster.with(Support.inNamespaces) { cluster in
            for replica in cluster.replicas { try await replica.cut(.both) }
            try await eventually("the lease to run out") { await cluster.leader() == nil }
            for replica in cluster.replicas { try await replica.heal() }
            try await cluster.settle()
            try await Support.expectSound(cluster)
        }
    }
}
