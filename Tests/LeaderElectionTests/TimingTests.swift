import LeaderElection
import Testing

@Suite struct TimingTests {
    struct Settings: Sendable {
        var ttl = Duration.seconds(3)
        var renewEvery = Duration.seconds(1)
        var renewTimeout = Duration.milliseconds(600)
        var retryDelay = Duration.milliseconds(100)
        var margin = Duration.milliseconds(500)
        var stopSendingWithin = Duration.milliseconds(500)

        func timing() throws(ElectionTimingError) -> ElectionTiming {
            try ElectionTiming(
                ttl: ttl, renewEvery: renewEvery, renewTimeout: renewTimeout, retryDelay: retryDelay, margin: margin,
                stopSendingWithin: stopSendingWithin)
        }
    }

    @Test func theStandardFitsTogether() throws {
        #expect(try Settings().timing() == .standard)
        #expect(try ElectionTiming() == .standard)
        #expect(ElectionTiming.standard.ttlMilliseconds == 3000)
    }

    @Test(arguments: [
        Settings(margin: .milliseconds(700)),  // 1 + 1.2 + 0.1 ≤ 2.3
        Settings(ttl: .seconds(30), renewEvery: .seconds(10)),
        Settings(
            ttl: .milliseconds(1), renewEvery: .nanoseconds(1), renewTimeout: .nanoseconds(1),
            retryDelay: .nanoseconds(1), margin: .nanoseconds(1), stopSendingWithin: .nanoseconds(1)),
    ])
    func accepted(_ settings: Settings) throws {
        _ = try settings.timing()
    }

    @Test(arguments: [
        (Settings(ttl: .zero), ElectionTimingError.notPositive(.ttl, .zero)),
        (Settings(renewEvery: .zero), .notPositive(.renewEvery, .zero)),
        (Settings(renewTimeout: .seconds(-1)), .notPositive(.renewTimeout, .seconds(-1))),
        (Settings(retryDelay: .zero), .notPositive(.retryDelay, .zero)),
        (Settings(margin: .zero), .notPositive(.margin, .zero)),
        (Settings(stopSendingWithin: .zero), .notPositive(.stopSendingWithin, .zero)),
        (Settings(ttl: .microseconds(3_000_001)), .fractionOfMillisecond(.microseconds(3_000_001))),
        (
            Settings(ttl: .seconds(6), renewEvery: .milliseconds(2001)),
            .renewedTooRarely(renewEvery: .milliseconds(2001), ttl: .seconds(6))
        ),
        (
            Settings(renewTimeout: .milliseconds(701)),
            .noTimeToRetry(needed: .milliseconds(3002), ttl: .seconds(3))
        ),
        (Settings(margin: .milliseconds(701)), .noTimeToRetry(needed: .milliseconds(3001), ttl: .seconds(3))),
    ])
    func refused(_ settings: Settings, because error: ElectionTimingError) {
        #expect(throws: error) { try settings.timing() }
    }

    @Test func errorsSayWhatToChange() {
        let tooShort = ElectionTimingError.noTimeToRetry(needed: .milliseconds(3200), ttl: .seconds(3))
        #expect(tooShort.description.contains("raise ttl to at least 3.2 seconds"))
        #expect(tooShort.description.contains("lower the others by 0.2 seconds together"))
        let rarely = ElectionTimingError.renewedTooRarely(renewEvery: .seconds(2), ttl: .seconds(3))
        #expect(rarely.description.contains("raise ttl to at least 6.0 seconds"))
        #expect(rarely.description.contains("lower renewEvery to at most 1.0 seconds"))
    }

    @Test(arguments: ["0", "1", "1790000000000000", "4503599627370496"]) func epochs(_ text: String) {
        #expect(Epoch(text)?.description == text)
    }

    @Test(arguments: ["", "-1", "+1", "01", "1.79e+15", " 1", "4503599627370497", "9223372036854775808", "1.0"])
    func notEpochs(_ text: String) {
        #expect(Epoch(text) == nil)
    }

    @Test func tokensAre32HexadecimalDigits() {
        var randomness = SystemRandomNumberGenerator()
        let tokens = Set((0..<1000).map { _ in Token(using: &randomness).description })
        #expect(tokens.count == 1000)
        #expect(tokens.allSatisfy { $0.count == 32 && $0.allSatisfy { $0.isHexDigit && !$0.isUppercase } })
    }
}
