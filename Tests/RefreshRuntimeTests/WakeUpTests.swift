import CacheRefresh
import Logging
import RedisClient
import TestSupport
import Testing

@testable import RefreshRuntime

@Suite("Waking a dataset's loop")
struct WakeUpTests {
    @Test("Without a signal a wait takes its time")
    func timer() async {
        let began = ContinuousClock.now
        #expect(await !WakeUp().wait(atMost: .milliseconds(50)))
        #expect(ContinuousClock.now - began >= .milliseconds(50))
    }

    @Test("Signals that came before end one wait, however many they were")
    func before() async {
        let wakeUp = WakeUp()
        wakeUp.signal()
        wakeUp.signal()
        #expect(await wakeUp.wait(atMost: .seconds(600)))
        #expect(await !wakeUp.wait(atMost: .milliseconds(20)))
    }

    @Test("A signal, or the end of the task, ends a wait that goes on", arguments: [true, false])
    func during(isSignal: Bool) async {
        for _ in 0..<200 {
            let wakeUp = WakeUp()
            let waiting = Task { await wakeUp.wait(atMost: .seconds(600)) }
            await Task.yield()
            if isSignal { wakeUp.signal() } else { waiting.cancel() }
            #expect(await waiting.value == isSignal)
        }
    }

    @Test("A loop that is woken looks at once, again and again, and one whose pass failed waits its time")
    func loop() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let dataset = try Dataset.table("t", ["t:{id}"], every: .seconds(3600))
            try await world.whileLooping(dataset) { log, _, wakeUp in
                try await world.wait(until: "the first pass") { try await world.command("EXISTS", "t:1").int == 1 }
                for round in 1...3 {
                    try await world.sql("update t set v = 'round \(round)' where id = 1")
                    wakeUp.signal()
                    try await world.wait(until: "round \(round)") {
                        try await world.command("GET", "t:1").string?.contains("round \(round)") == true
                    }
                }
                try await world.sql("alter table t rename to gone")
                wakeUp.signal()
                try await world.wait(until: "a pass fails") { log.messages(at: .error).count == 1 }
                for _ in 0..<50 { wakeUp.signal() }
                try await Task.sleep(for: .milliseconds(200))
                #expect(log.messages(at: .error).count == 1)
            }
        }
    }
}
