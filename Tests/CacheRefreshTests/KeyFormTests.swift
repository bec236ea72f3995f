import Testing

@testable import CacheRefresh

@Suite("What keys of a template look like")
struct KeyFormTests {
    private func form(_ text: String, prefix: String = "") throws -> KeyForm {
        KeyForm(try KeyTemplate(text), prefix: prefix)
    }

    @Test(
        "a column is any text without a colon, and not empty",
        arguments: [
            ("user:{id}", "user:7", true), ("user:{id}", "user:", false), ("user:{id}", "user:7:orders", false),
            ("user:{id}", "users:7", false), ("user:{id}", "auser:7", false), ("{id}", "7:8", true),
            ("c:{a}:{b}", "c:1:x", true), ("c:{a}:{b}", "c:1:", false), ("c:{a}:{b}", "c::x", false),
            ("c:{a}:{b}", "c:1:x:y", false), ("{id}:end", "7:end", true), ("{id}:end", "7:ends", false),
            ("{id}:end", ":end", false), ("x{a}-{a}y", "x1-1y", true), ("x{a}-{a}y", "x1-2y", false),
            ("{{users}}:{id}", "{users}:7", true), ("a*[b]:{id}", "a*[b]:7", true), ("a*[b]:{id}", "axb:7", false),
        ])
    func covers(_ template: String, _ key: String, _ isCovered: Bool) throws {
        #expect(try form(template).covers(Array(key.utf8)) == isCovered)
        // A colon in the prefix counts like any other.
        if template.contains(":") {
            #expect(try form(template, prefix: "s:").covers(Array("s:\(key)".utf8)) == isCovered)
        }
    }

    @Test("binary keys are keys too")
    func binary() throws {
        #expect(try form("user:{id}").covers(Array("user:".utf8) + [0, 0xFF, 10]))
        #expect(try !form("user:{id}").covers([0xFF]))
        #expect(try !form("user:{id}").covers([]))
    }

    @Test("a key is made of one column only")
    func makes() throws {
        #expect(try form("user:{id}", prefix: "s:").key("id", "7") == Array("s:user:7".utf8))
        #expect(try form("x{a}-{a}y").key("a", "1") == Array("x1-1y".utf8))
        #expect(try form("user:{id}").key("phone", "7") == nil)
        #expect(try form("c:{a}:{b}").key("a", "1") == nil)
    }

    @Test(
        "a key of no family may be made by one of its rows",
        arguments: [
            ("user:{id}", "user:7", true), ("user:{id}", "user:7:8", true), ("user:{id}", "users:7", false),
            ("a:{x}:b:{y}:c", "a:1:b:2:c", true), ("a:{x}:b:{y}:c", "a:1:2:b:3:4:c", true),
            ("a:{x}:b:{y}:c", "a:1:c", false),
            ("a:{x}:a", "a:a", false), ("{x}", "anything:else", true),
        ])
    func resembles(_ template: String, _ key: String, _ mayBe: Bool) throws {
        #expect(KeyForm(try KeyTemplate(template), prefix: "").resembles(Array(key.utf8)) == mayBe)
    }
}
