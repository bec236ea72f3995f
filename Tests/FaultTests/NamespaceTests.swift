import Drills
import Faults
import LocalStack
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

    @Test("A wire can be cut in one direction only, and becomes whole again")
    func wire() async throws {
        let namespace = try await Namespace.create()
        try await LocalRedis.withServer { redis in
            let link = try await FaultyLink.start(
                listeningOn: namespace.hostAddress, to: redis.port)
            /// What `n` is after a client inside has asked for one more, in vain or not.
            func count(heard: Bool) async throws -> String {
                let increment = ["redis-cli", "-h", link.host, "-p", "\(link.port)", "INCR", "n"]
                let words = namespace.wrapper + ["timeout", heard ? "20" : "1"] + increment
                let client = try await ChildProcess.start(
                    words[0], Array(words.dropFirst()), environment: redis.environment)
                #expect(await client.wait().isSuccess == heard)
                return try await ChildProcess.output(
                    "redis-cli", ["-p", "\(redis.port)", "GET", "n"], environment: redis.environment)
            }
            #expect(try await count(heard: true) == "1")
            for direction in [Namespace.Direction.outward, .inward] {
                try await namespace.cut(direction)
                #expect(try await count(heard: false) == "1")
                try await namespace.heal()
            }
            try await namespace.setLink(up: false)
            #expect(try await count(heard: false) == "1")
            try await namespace.heal()
            #expect(try await count(heard: true) == "2")
            await link.close()
        }
        await namespace.close()
    }

    @Test("Nothing is left of a namespace that was closed")
    func nothingIsLeft() async throws {
        let namespace = try await Namespace.create()
        #expect(try await interfaces().contains(namespace.hostAddress))
        await namespace.close()
        try await eventually("its interface to be gone") { try await !interfaces().contains(namespace.hostAddress) }
    }

    private func interfaces() async throws -> String {
        try await ChildProcess.output("ip", ["-oneline", "addr", "show"])
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
