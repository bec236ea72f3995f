import Testing

@testable import CacheRefresh

/// Against the values that the hash's authors publish.
@Suite struct FNV1aTests {
    @Test(
        arguments: [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8),
        ] as [(String, UInt64)])
    func knownValues(_ text: String, hash: UInt64) { #expect(FNV1a(Array(text.utf8)).value == hash) }

    @Test func takesPieces() {
        var hash = FNV1a(Array("foo".utf8))
        hash.add(Array("bar".utf8))
        #expect(hash == FNV1a(Array("foobar".utf8)))
    }
}
