#if DEBUG || BATON_FUZZING
    @testable internal import Formatting
    @testable internal import GroupState
    @testable internal import Operations

    /// Whatever stands in the group's keys, `status` shows it without a trap, and nothing of it reaches a terminal raw.
    func fuzzGroupKeys(_ input: [UInt8]) throws(FuzzFault) {
        // The keys' values, apart by NUL.
        let values = input.split(separator: 0, maxSplits: 4, omittingEmptySubsequences: false).map { Array($0) }
        func value(_ place: Int) -> [UInt8] { place < values.count ? values[place] : [] }
        let lease = LeaseText(value(0))
        let infos = [ReplicaInfo(id: "1", json: value(1)), ReplicaInfo(id: "2", json: value(4))].compactMap(\.self)
        let now: Int64 = 1_790_000_000_000
        let view = GroupView(
            group: "default", nowMilliseconds: now,
            leader: lease.map {
                GroupView.Leader(
                    name: $0.holder, epoch: $0.epoch, token: $0.token, sinceMilliseconds: $0.sinceMilliseconds,
                    leftMilliseconds: 1, deployment: $0.deployment)
            },
            leaseIsGarbage: lease == nil, unreadable: [], pause: GroupView.Pause(value(2)),
            stepDown: GroupView.StepDown(value(2)),
            membership: Membership(nowMilliseconds: now, replicas: infos), listeners: 1,
            statistics: GroupStatistics(value(3)))
        let report = StatusReport(view: view, server: "redis://127.0.0.1:6379/0")
        _ = report.json
        for scalar in report.text(TextLayout()).unicodeScalars where scalar != "\n" {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                throw FuzzFault("U+\(String(scalar.value, radix: 16)) would reach the terminal")
            default: break
            }
        }
    }
#endif
