import Drills
import Foundation
import LocalStack

/// What it costs to ask a leader of fifty datasets for its metrics fifty times a second, and whether its renewals
/// notice.
struct Scrape {
    let seconds: Int
    let report: Report

    private static let datasets = 50
    private static let perSecond = 50

    func run() async throws {
        try await Stage.with { stage in
            try await stage.sql(FullPass.table)
            try await stage.sql(FullPass.fill(1000))
            let lines = (1...Self.datasets).map {
                "  items\($0): { table: items, where: \"id % \(Self.datasets) = \($0 - 1)\", key: \"item\($0):{id}\" }"
            }
            try stage.configure(datasets: lines.joined(separator: "\n"))
            let leader = try await stage.startReplica("leader", environment: ["BATON_HTTP_LISTEN": "127.0.0.1:0"])
            let address = try await leader.line("listening").line.metadata["address"] ?? ""
            guard let port = address.split(separator: ":").last.flatMap({ Int($0) }) else {
                throw Shell.Failed(description: "the leader listens at \(address)")
            }
            try await leader.line("pass finished") { $0.metadata["dataset"] == "items\(Self.datasets)" }
            report.say("scrape: \(Self.perSecond) a second for \(seconds) s")
            let quiet = try renewals(port)
            try await Task.sleep(for: .seconds(seconds))
            let before = try renewals(port)
            let used = processorTime(of: leader)
            var times: [Double] = []
            var next = ContinuousClock.now
            for _ in 0..<Self.perSecond * seconds {
                try await Task.sleep(until: next, clock: .continuous)
                next += .seconds(1) / Self.perSecond
                let began = ContinuousClock.now
                let page = try scrape(port)
                times.append((ContinuousClock.now - began).milliseconds)
                guard page.count > 50_000 else { throw Shell.Failed(description: "a page of \(page.count) bytes") }
            }
            let cost = (processorTime(of: leader) - used).seconds / Double(seconds) * 100
            let after = try renewals(port)
            times.sort()
            report.add("scrape.median", times.median, "ms", goal: 5, .lower)
            report.add("scrape.p99", times[times.count * 99 / 100], "ms", .lower)
            report.add("scrape.processor", cost, "% of a core", .lower)
            report.add("scrape.renewal_before", (before - quiet).meanMilliseconds, "ms", .lower)
            report.add("scrape.renewal", (after - before).meanMilliseconds, "ms", .lower)
            report.add("scrape.delayed_renewals", (after - before).above100Milliseconds, "renewals", goal: 0, .lower)
        }
    }

    private func processorTime(of replica: ReplicaProcess) -> Duration {
        ProcessStatus(of: replica.process.pid)?.processorTime ?? .zero
    }

    /// Of the lease, since the replica began.
    private struct Renewals {
        var count: Double
        var seconds: Double
        /// That took longer than a tenth of a second, or failed.
        var above100Milliseconds: Double

        var meanMilliseconds: Double { count == 0 ? 0 : seconds / count * 1000 }

        static func - (left: Renewals, right: Renewals) -> Renewals {
            Renewals(
                count: left.count - right.count, seconds: left.seconds - right.seconds,
                above100Milliseconds: left.above100Milliseconds - right.above100Milliseconds)
        }
    }

    private func renewals(_ port: Int) throws -> Renewals {
        let lines = String(decoding: try scrape(port), as: UTF8.self).split(separator: "\n")
        /// - Parameter bucket: the upper bound of one, for a histogram's.
        func value(_ name: String, bucket: String? = nil) throws -> Double {
            let bound = bucket.map { ",le=\"\($0)\"" } ?? ""
            guard let line = lines.first(where: { $0.hasPrefix("\(name){group=\"default\"\(bound)} ") }),
                let value = line.split(separator: " ").last.flatMap({ Double($0) })
            else { throw Shell.Failed(description: "there is no metric \(name)") }
            return value
        }
        let name = "baton_lease_renewal_duration_seconds"
        let count = try value("\(name)_count")
        return Renewals(
            count: count, seconds: try value("\(name)_sum"),
            above100Milliseconds: count - (try value("\(name)_bucket", bucket: "0.1"))
                + (try value("baton_lease_renewal_failures_total")))
    }

    private func scrape(_ port: Int) throws -> [UInt8] {
        guard let socket = Socket.connect(to: port) else { throw Shell.Failed(description: "nobody listens") }
        defer { socket.close() }
        _ = socket.write(Array("GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n".utf8)[...])
        var page: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = socket.read(&buffer), count > 0 { page += buffer[..<count] }
        return page
    }
}
