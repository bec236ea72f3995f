import Testing

@testable import Faults

@Suite("What MONITOR says")
struct MonitorTests {
    private static let fence = "{baton:default}:fence"
    private static let lease = "{baton:default}:lease"

    private func events(_ lines: String...) -> [RedisEvent] {
        var reader = MonitorReader(group: "default")
        var events: [RedisEvent] = []
        for line in lines {
            Array(line.utf8).withUnsafeBytes { bytes in
                if let line = MonitorLine(bytes) { events += reader.read(line) }
            }
        }
        return events + reader.finish()
    }

    private static func write(_ previous: Int, _ next: Int) -> String {
        #"1.5 [0 127.0.0.1:4711] "EVALSHA" "0a1b" "3" "\#(fence)" "k:1" "k:2" "7" "t" "\#(previous)" "\#(next)" "SS" "a" "9" "b" "9""#
    }

    @Test("A batch is accepted if its script set the sequence that it asked for")
    func writes() {
        let look = #"1.6 [0 lua] "HMGET" "\#(Self.fence)" "epoch" "token" "sequence""#
        let accept = #"1.7 [0 lua] "HSET" "\#(Self.fence)" "sequence" "1""#
        let set = #"1.8 [0 lua] "SET" "k:1" "a" "PX" "9""#
        #expect(
            events(Self.write(0, 1), look, accept, set, Self.write(0, 1), look, Self.write(1, 2))
                == [
                    .write(.init(epoch: 7, token: "t", sequence: 1, outcome: .accepted)),
                    .write(.init(epoch: 7, token: "t", sequence: 1, outcome: .refused)),
                    .write(.init(epoch: 7, token: "t", sequence: 2, outcome: .notRun)),
                ])
    }

    @Test("A key that is written without the fence, by a script or a client, is told; a batch's are not")
    func unfenced() {
        let set = #"1.8 [0 lua] "SET" "k:1" "a" "PX" "9""#
        #expect(
            events(#"1.5 [0 127.0.0.1:4711] "EVAL" "…" "0""#, set)
                == [.unfenced(command: "SET", key: "k:1", client: "lua")])
        #expect(
            events(#"1.5 [0 127.0.0.1:4711] "del" "k:1" "k:2""#, #"1.6 [0 127.0.0.1:4711] "GET" "k:1""#)
                == [.unfenced(command: "DEL", key: "k:1", client: "127.0.0.1:4711")])
        #expect(
            events(#"1.5 [0 unix:/x] "DEL" "\#(Self.lease)""#, #"1.5 [0 unix:/x] "FLUSHALL""#)
                == [.byHand(command: "DEL", key: Self.lease), .byHand(command: "FLUSHALL", key: "")])
    }

    @Test("An election, a renewal and a resignation are what scripts do to the lease")
    func elections() {
        let text = #"{\"format\":1,\"epoch\":\"17\",\"token\":\"t\",\"holder\":\"a \\\"b\\\" \xc3\xa9\"}"#
        #expect(
            events(
                #"1.5 [0 127.0.0.1:4711] "EVALSHA" "0a1b" "3" "\#(Self.lease)""#,
                #"1.6 [0 lua] "SET" "\#(Self.lease)" "\#(text)" "NX" "PX" "3000""#,
                #"1.7 [0 lua] "XADD" "{baton:default}:events" "*" "event" "elected" "holder" "a" "epoch" "17" "reason" "lease-free""#,
                #"1.8 [0 lua] "PEXPIRE" "\#(Self.lease)" "3000""#, #"1.9 [0 lua] "DEL" "\#(Self.lease)""#,
                #"1.9 [0 lua] "HSET" "\#(Self.fence)" "token" "sealed""#)
                == [
                    .elected(.init(epoch: 17, token: "t", holder: "a \"b\" é")),
                    .noted(event: "elected", epoch: 17, reason: "lease-free"), .renewed, .resigned,
                ])
    }

    @Test("A value may hold whatever it likes")
    func quoting() {
        var line = MonitorLineText(#"1.5 [0 lua] "SET" "a\"b" "" "\\" "\\\"" "x\n\x00y" "[0 lua]""#)
        #expect(line.words() == ["SET", "a\"b", "", "\\", "\\\"", "x\n\u{0}y", "[0 lua]"])
    }
}

private struct MonitorLineText {
    private let bytes: [UInt8]
    init(_ text: String) { bytes = Array(text.utf8) }
    mutating func words() -> [String]? {
        bytes.withUnsafeBytes { bytes in
            var line = MonitorLine(bytes)
            return line?.rest()
        }
    }
}
