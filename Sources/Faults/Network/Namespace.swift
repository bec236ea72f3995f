internal import Drills
internal import Glibc
internal import LocalStack
internal import Synchronization

/// A network of its own for one process, joined to ours by a pair of virtual interfaces that can be cut for real.
///
/// It lasts as long as a process that does nothing else holds it, and with it go its interfaces, ours included: nothing
/// is left behind, also if this process is killed. It needs root and the program `ip`.
public final class Namespace: Sendable {
    /// The direction of a packet: from the process inside to us, or from us to it.
    public enum Direction: Hashable, Sendable { case outward, inward }

    /// Our end's address: what is to be reached from inside listens on it.
    public let hostAddress: String
    private let insideAddress: String
    private let hostInterface: String
    private let insideInterface: String
    private let holder: ChildProcess

    private static let count = Mutex(0)
    /// Frames to it are lost: nobody has it.
    private static let nobody = "02:00:00:00:00:01"

    private init(holder: ChildProcess, subnet: Int, number: Int) {
        self.holder = holder
        // The network for measurements between machines (RFC 2544), in pieces of four addresses.
        let first = (198 << 24) + (18 << 16) + subnet * 4
        hostAddress = Self.text(first + 1)
        insideAddress = Self.text(first + 2)
        hostInterface = "bt\(getpid())-\(number)h"
        insideInterface = "bt\(getpid())-\(number)i"
    }

    /// Whether namespaces can be made here: as root, where the program `ip` is there and the kernel lets us.
    public static func isPossible() async -> Bool {
        let trial = ["--net", "ip", "link", "add", "bt0", "type", "veth", "peer", "name", "bt1"]
        guard geteuid() == 0 else { return false }
        return (try? await ChildProcess.output("unshare", trial)) != nil
    }

    /// Makes a network whose link is up.
    ///
    /// - Throws: `LocalStackError` if a program is missing, or failed.
    public static func create() async throws -> Namespace {
        let number = count.withLock { count in
            count += 1
            return count
        }
        let holder = try await ChildProcess.start("unshare", ["--net", "sleep", "infinity"])
        do {
            try await eventually("a namespace of its own", within: .seconds(10), every: .milliseconds(2)) {
                guard let theirs = link("/proc/\(holder.pid)/ns/net") else { return false }
                return theirs != link("/proc/self/ns/net")
            }
            let namespace = Namespace(holder: holder, subnet: try await freeSubnet(), number: number)
            try await namespace.setUp()
            return namespace
        } catch {
            await holder.kill()
            throw error
        }
    }

    /// The command that runs the one which follows it inside, in the same process.
    public var wrapper: [String] { ["nsenter", "--net=/proc/\(holder.pid)/ns/net", "--"] }

    /// Drops what goes in this direction, silently; the other one goes on.
    public func cut(_ direction: Direction) async throws {
        // A neighbour at an address that nobody has: the kernel needs no packet filter for it.
        switch direction {
        case .outward:
            try await ip(
                inside: true, "neigh", "replace", hostAddress, "lladdr", Self.nobody, "dev", insideInterface, "nud",
                "permanent")
        case .inward:
            try await ip(
                inside: false, "neigh", "replace", insideAddress, "lladdr", Self.nobody, "dev", hostInterface, "nud",
                "permanent")
        }
    }

    /// Takes the link down, or up again. It is a carrier that is lost: the process inside keeps its addresses.
    public func setLink(up: Bool) async throws {
        try await ip(inside: false, "link", "set", hostInterface, up ? "up" : "down")
    }

    /// Undoes every cut.
    public func heal() async throws {
        try await setLink(up: true)
        for (inside, address, interface) in [
            (true, hostAddress, insideInterface), (false, insideAddress, hostInterface),
        ] {
            if try await ip(inside: inside, "neigh", "show", address, "dev", interface).contains(Self.nobody) {
                try await ip(inside: inside, "neigh", "del", address, "dev", interface)
            }
        }
    }

    /// Removes it; the processes inside should have ended.
    public func close() async {
        await holder.kill()
    }

    private func setUp() async throws {
        try await ip(
            inside: false, "link", "add", hostInterface, "type", "veth", "peer", "name", insideInterface, "netns",
            "\(holder.pid)")
        try await ip(inside: false, "addr", "add", "\(hostAddress)/30", "dev", hostInterface)
        try await ip(inside: false, "link", "set", hostInterface, "up")
        try await ip(inside: true, "link", "set", "lo", "up")
        try await ip(inside: true, "addr", "add", "\(insideAddress)/30", "dev", insideInterface)
        try await ip(inside: true, "link", "set", insideInterface, "up")
    }

    @discardableResult
    private func ip(inside: Bool, _ words: String...) async throws -> String {
        let command = (inside ? wrapper : []) + ["ip"] + words
        return try await ChildProcess.output(command[0], Array(command.dropFirst()))
    }

    private static func freeSubnet() async throws -> Int {
        let taken = try await ChildProcess.output("ip", ["-oneline", "addr", "show"])
        var subnet: Int
        repeat {
            subnet = .random(in: 0..<1 << 15)
        } while taken.contains(
            " \(text((198 << 24) + (18 << 16) + subnet * 4 + 1))/")
        return subnet
    }

    private static func text(_ address: Int) -> String {
        "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
    }

    private static func link(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let length = readlink(path, &bytes, bytes.count)
        return length > 0 ? String(decoding: bytes[..<length], as: UTF8.self) : nil
    }
}
