import Registration
import Testing

@Suite("Selectors", .timeLimit(.minutes(1)))
struct SelectorTests {
    @Test("the first colon ends the type and the value keeps the others")
    func parsing() throws {
        let selector = try Selector(parsing: "docker:label:a:b")
        #expect(selector.type == "docker")
        #expect(selector.value == "label:a:b")
        #expect(selector.description == "docker:label:a:b")
    }

    @Test(
        "a malformed selector is refused with what is wrong",
        arguments: [
            ("", "v", SelectorProblem.emptyType),
            ("a:b", "v", .colonInType),
            ("unix", "", .emptyValue(type: "unix")),
            ("unix", "a\0", .containsNUL),
            ("un\0ix", "a", .containsNUL),
            (String(repeating: "t", count: 256), "v", .typeTooLong(bytes: 256)),
            ("unix", String(repeating: "v", count: 4097), .valueTooLong(type: "unix", bytes: 4097)),
        ])
    func malformed(type: String, value: String, problem: SelectorProblem) {
        #expect(throws: RegistrationError.invalidSelector(problem)) { try Selector(type: type, value: value) }
    }

    @Test("text without a colon is no selector")
    func noColon() {
        #expect(throws: RegistrationError.invalidSelector(.noColon)) { try Selector(parsing: "unix") }
    }

    @Test("type and value may be as long as their limits")
    func longest() throws {
        let selector = try Selector(
            type: String(repeating: "t", count: 255), value: String(repeating: "v", count: 4096))
        #expect(try Selector(parsing: selector.description) == selector)
    }

    @Test("selectors are compared by bytes: one that only looks the same is another")
    func bytes() throws {
        let composed = try Selector(type: "unix", value: "path:/srv/Zo\u{EB}")
        let decomposed = try Selector(type: "unix", value: "path:/srv/Zoe\u{308}")
        #expect(composed.value == decomposed.value)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
        #expect(!(composed < decomposed))
        // Type and value do not run into each other.
        #expect(try Selector(type: "ab", value: "c") != Selector(type: "a", value: "bc"))
    }

    @Test("selectors are ordered by type, then value")
    func order() throws {
        let sorted = try ["b:1", "a:2", "ab:0", "a:1"].map { try Selector(parsing: $0) }.sorted()
        #expect(sorted.map(\.description) == ["a:1", "a:2", "ab:0", "b:1"])
    }
}
