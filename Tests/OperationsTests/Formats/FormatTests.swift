import Foundation
import LeaderElection
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState
@testable import Operations

/// What every version has ever left in Redis is kept in `Fixtures`, and understood by this one. Whoever changes a form
/// raises its number and adds a file; none is ever changed or removed.
@Suite struct FormatTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8).trimmingCharacters(in: .newlines)
    }

    static func members(_ json: String) throws -> [String: String] {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        return object.mapValues { "\($0)" }
    }

    static func versions(of name: String) throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).compactMap { file in
            file.hasPrefix("\(name)-") ? Int(file.dropFirst(name.count + 1).prefix { $0.isNumber }) : nil
        }.sorted()
    }

    /// A group in which a lease and a fence of that form stand.
    private func bench(lease: Int, fence: Int) async throws -> (ElectionBench, Lease) {
        let bench = try await ElectionBench.onSharedRedis()
        let text = try Self.text("lease-\(lease).json")
        try await bench.send("SET", bench.keys.lease, text, "PX", "60000")
        for (name, value) in try Self.members(Self.text("fence-\(fence).json")) {
            try await bench.send("HSET", bench.keys.fence, name, value)
        }
        guard case .taken(let found, _) = try await bench.store("pod-1").acquire(.random(), floor: .zero).answer else {
            throw LeaseError.unexpectedAnswer("not taken")
        }
        return (bench, found)
    }

    @Test("There is a file for every form up to today's")
    func allAreThere() throws {
        #expect(try Self.versions(of: "lease") == Array(1...Formats.lease))
        #expect(try Self.versions(of: "fence") == Array(1...Formats.fence))
        for name in ["pause", "step-down", "replica"] { #expect(try Self.versions(of: name) == [1]) }
    }

    @Test("A lease of each form is followed, prolonged by its holder, and given back", arguments: 1...Formats.lease)
    func leases(_ format: Int) async throws {
        let (bench, lease) = try await bench(lease: format, fence: Formats.fence)
        let members = try Self.members(Self.text("lease-\(format).json"))
        #expect("\(lease.epoch)" == members["epoch"] && "\(lease.token)" == members["token"])
        #expect(lease.holder == members["holder"] && "\(lease.sinceMilliseconds)" == members["since"])
        let store = try bench.store("baton-0")
        #expect(try await store.renew(lease).answer == .renewed)
        #expect(try await store.resign(lease, .shutdown))
    }

    @Test("A fence of each form is continued by a leader that finds it", arguments: 1...Formats.fence)
    func fences(_ format: Int) async throws {
        let (bench, lease) = try await bench(lease: Formats.lease, fence: format)
        let renewal = try await bench.store("baton-0").renew(lease)
        #expect(renewal.fence?.sequence == 41 && renewal.fence?.epoch == lease.epoch)
        let call = FenceSync.atLease(bench.keys, lease, next: 42, deployment: ElectionBench.deployment)
        guard case .synced(let was?) = try FenceSync.answer(try await bench.connection.run(call)) else {
            Issue.record("not synced")
            return
        }
        #expect(was.sequence == 41)
        #expect(try await bench.fence() == ["\(lease.epoch)", "\(lease.token)", "42", "\(lease.epoch)"])
    }

    @Test("Requests are applied by the leader, and seen by everybody")
    func requests() async throws {
        let (bench, lease) = try await bench(lease: Formats.lease, fence: Formats.fence)
        try await bench.send("HSET", bench.keys.requests, "pause", try Self.text("pause-1.json"))
        try await bench.send("HSET", bench.keys.requests, "step-down", try Self.text("step-down-1.json"))
        let requests = try await bench.store("baton-0").renew(lease).requests
        #expect(requests.pause > .seconds(3600))
        #expect(requests.stepDown == .init(by: "anna@laptop", reason: "moving the node", successor: "baton-2"))
        let view = try await bench.inspector.status().view
        #expect(view.pause?.by == "anna@laptop" && view.pause?.untilMilliseconds == 4_102_444_800_000)
        #expect(view.stepDown?.successor == "baton-2")
        #expect(try await bench.inspector.checkKeys().faults.allSatisfy { $0.key == bench.keys.lease })
    }

    @Test("Replicas of each form are seen")
    func replicas() throws {
        let replicaInfo = try #require(ReplicaInfo(id: "x", json: Self.text("replica-1.json").utf8))
        #expect(
            replicaInfo.name == "baton-0" && replicaInfo.state == "leader" && replicaInfo.epoch == "1795249220037873")
        #expect(replicaInfo.version == "0.1.0" && replicaInfo.startedMilliseconds == 1_795_249_210_000)
    }

    @Test("Of a newer form, a lease is left alone and a request is ignored")
    func newerForms() async throws {
        let (bench, lease) = try await bench(lease: Formats.lease, fence: Formats.fence)
        for name in ["pause", "step-down"] {
            let request = try Self.text("\(name)-1.json").replacing("\"format\":1", with: "\"format\":2")
            try await bench.send("HSET", bench.keys.requests, name, request)
        }
        #expect(try await bench.store("baton-0").renew(lease).requests == LeaderRequests())
        let newer = try Self.text("lease-\(Formats.lease).json").replacing("\"format\":1", with: "\"format\":2")
        try await bench.send("SET", bench.keys.lease, newer, "PX", "60000")
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().acquire(.random(), floor: .zero)
        }
        #expect(error?.message.contains("newer format") == true)
    }

    /// Else a form would have changed without a new number.
    @Test("What this version writes has the members of the newest file")
    func writtenToday() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store("pod-1")
        _ = try await store.acquire(.random(), floor: .zero)
        _ = try await store.present(bench.replicaInfo("pod-1"))
        _ = try await store.present(bench.replicaInfo("pod-2"))
        let inspector = try bench.inspector
        let requester = Requester(name: "anna", reason: "")
        let progress = RequestProgress { _ in }
        _ = try await inspector.stepDown(for: nil, requester, patience: nil, progress)
        _ = try await inspector.pause(for: .seconds(60), requester, patience: .zero, progress)
        func expectMembers(_ text: String?, of name: String) throws {
            let written = try Self.members(#require(text)).keys
            let kept = try Self.members(Self.text("\(name).json")).keys
            #expect(Set(written) == Set(kept), "\(name)")
        }
        try expectMembers(try await bench.leaseText(), of: "lease-\(Formats.lease)")
        try expectMembers(try await bench.send("HGET", bench.keys.requests, "pause").string, of: "pause-1")
        try expectMembers(try await bench.send("HGET", bench.keys.requests, "step-down").string, of: "step-down-1")
        try expectMembers(try await bench.send("HGET", bench.keys.replicas, "id-of-pod-1").string, of: "replica-1")
        let fields = try await bench.send("HKEYS", bench.keys.fence).array?.compactMap(\.string) ?? []
        #expect(Set(fields) == Set(try Self.members(Self.text("fence-\(Formats.fence).json")).keys))
    }
}
