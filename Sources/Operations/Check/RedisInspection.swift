internal import BatonConfiguration
internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import GroupState
internal import JSON
internal import LeaderElection
internal import RedisClient

/// Looks at one Redis of the configuration.
struct RedisInspection {
    let name: String
    let configuration: Configuration
    let client: RedisClient
    /// Which database the group's lease should belong to; nil if that is not known.
    let server: ServerIdentity?

    private var holdsLease: Bool { configuration.lease.redis == name }

    func section() async -> CheckReport.Section {
        let url = configuration.redis[name].map { "\($0)" } ?? ""
        var section = CheckReport.Section(.redis, name, title: url)
        if let finding = configuration.redis[name].flatMap(Exposure.finding) { section.findings.append(finding) }
        do throws(RedisError) {
            let began = ContinuousClock.now
            let connection = try await client.connection()
            let pace = RedisPace(
                connecting: .now - began, roundTrip: try await RedisPace.roundTrip(on: connection))
            if let obstacle = try await RedisNature.ask(connection, timeout: Self.patience).obstacle {
                section.findings.append(.problem(obstacle))
                return section
            }
            let facts = try await facts(&section)
            if let facts { describe(facts, in: &section) }
            section.add("round trip", pace.description, json: pace.json)
            if holdsLease { section.findings += pace.findings(configuration.lease.timing) }
            let findings = facts?.findings(holdsLease: holdsLease) ?? []
            section.findings += findings
            section.findings += try await sizeFindings()
            guard facts?.isPrimary ?? true, facts?.isLoading != true else { return section }
            section.findings += try await trial.refusals(on: connection, subscribing: client).map {
                Finding.problem($0)
            }
            if holdsLease { try await inspectLease(&section) }
        } catch {
            section.findings.append(
                error.serverError?.kind == .noPermission
                    ? .problem(
                        "The user may not do what replicas do (\(error.underlying ?? error.message))",
                        "Give it what `baton check --grants --for run` prints", .refused)
                    : .problem(error))
        }
        return section
    }

    private static let patience = Duration.seconds(10)

    private var trial: RedisTrial {
        let templates = configuration.enabledDatasets.filter { $0.redis == name }.flatMap(\.keys).map(\.template)
        return RedisTrial(
            keys: GroupKeys(configuration), holdsLease: holdsLease,
            keyPrefix: configuration.keyPrefix, templates: templates)
    }

    /// Nil, and a finding, if the user may not ask.
    private func facts(_ section: inout CheckReport.Section) async throws(RedisError) -> RedisFacts? {
        do throws(RedisError) {
            return RedisFacts(info: try await client.send(RedisCommand("INFO")).string ?? "")
        } catch {
            let unseen = "so that memory, eviction and persistence were not looked at"
            switch error.serverError?.kind {
            case .noPermission:
                section.findings.append(
                    .warning(
                        "The user may not use INFO, \(unseen)", "Give it what `baton check --grants --for run` prints"))
            case .unknownCommand:
                section.findings.append(
                    .warning(
                        "INFO is not known here, \(unseen)",
                        "Take it out of `rename-command` in the configuration of Redis"))
            default: throw error
            }
            return nil
        }
    }

    private func describe(_ facts: RedisFacts, in section: inout CheckReport.Section) {
        section.add("server", facts.product)
        let uses = configuration.enabledDatasets.filter { $0.redis == name }.map(\.name)
        section.add(
            "holds",
            ((holdsLease ? ["the lease"] : []) + (uses.isEmpty ? [] : ["the keys of \(uses.joined(separator: ", "))"]))
                .joined(separator: " and "), json: .texts((holdsLease ? ["lease"] : []) + uses))
        let limit = facts.maximumMemory > 0 ? " of \(TextLayout.size(facts.maximumMemory))" : ", no limit"
        section.add(
            "memory", "\(TextLayout.size(facts.usedMemory))\(limit), \(facts.evictionPolicy)",
            json: .fields([
                "used": .number(facts.usedMemory), "maximum": .number(facts.maximumMemory),
                "policy": .text(facts.evictionPolicy),
            ]))
        section.add("disk", facts.persistence)
        let database = configuration.redis[name]?.url.database ?? 0
        let keys = facts.keyCount(database: database)
        section.add(
            "keys", "\(TextLayout.count(keys, "key")) in database \(database)",
            json: .fields(["database": .number(database), "count": .number(keys)]))
    }

    /// Who leads, and whether the lease is one that the replicas of this configuration can compete for.
    private func inspectLease(_ section: inout CheckReport.Section) async throws(RedisError) {
        let key = GroupKeys(configuration).lease
        let reply: RedisValue
        do throws(RedisError) {
            reply = try await client.send(RedisCommand("GET", key))
        } catch {
            guard error.serverError?.kind == .wrongType else { throw error }
            section.findings.append(
                .problem(
                    "The lease's key \(key) holds a value of another type",
                    "See what wrote it; if nobody needs it, delete it with UNLINK"))
            return
        }
        guard let text = reply.bytes else {
            section.add("leader", "none", json: .null)
            return
        }
        guard let lease = LeaseText(text) else {
            section.findings.append(
                .problem(
                    "The lease's key \(key) holds something that is no lease",
                    "See what wrote it; if nobody needs it, delete it with UNLINK"))
            return
        }
        section.add(
            "leader", "\(lease.holder.shown), epoch \(lease.epoch)",
            json: .fields(["holder": .text(lease.holder), "epoch": .text(lease.epoch)]))
        if try await client.send(RedisCommand("PTTL", key)).int == -1 {
            section.findings.append(
                .problem(
                    "The lease never runs out",
                    "If \(lease.holder.shown) does not lead any more, delete \(key) with UNLINK"))
        }
        if let server, !lease.deployment.hasPrefix(server.deployment) {
            section.findings.append(
                .problem(
                    "The lease belongs to another deployment (\(lease.deployment.shown), this one is \(server.deployment)): "
                        + "another database fills this cache",
                    "Give this one another group or keyPrefix, or stop the other one"))
        }
    }
}
