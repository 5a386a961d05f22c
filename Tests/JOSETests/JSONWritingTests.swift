import JOSE
import TestSupport
import Testing

@Suite("JSON writing (RFC 8259)", .timeLimit(.minutes(1)))
struct JSONWritingTests {
    private let value: JSONValue = ["b": [1, nil, true], "a": ["é": "x"], "c": [], "": [:]]

    @Test("members are written in their order and without whitespace")
    func compact() {
        #expect(JSON.serialize(self.value).text == #"{"b":[1,null,true],"a":{"é":"x"},"c":[],"":{}}"#)
    }

    @Test("sorted members follow the bytes of their names")
    func sorted() {
        let value: JSONValue = ["b": 1, "\u{10000}": 2, "\u{FFFD}": 3, "B": 4, "ab": 5, "a": 6]
        #expect(
            JSON.serialize(value, sorted: true).text
                == "{\"B\":4,\"a\":6,\"ab\":5,\"b\":1,\"\u{FFFD}\":3,\"\u{10000}\":2}")
    }

    @Test("pretty output is indented by two spaces and ends with a line break")
    func pretty() {
        let expected = """
            {
              "b": [
                1,
                null,
                true
              ],
              "a": {
                "é": "x"
              },
              "c": [],
              "": {}
            }

            """
        #expect(JSON.serialize(self.value, pretty: true).text == expected)
    }

    @Test("what must be escaped is escaped, nothing else")
    func escapes() {
        let text = JSON.serialize(.string("\"\\/\u{8}\u{C}\n\r\t\u{0}\u{1F}\u{7F}é😀")).text
        #expect(text == "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0000\\u001f\u{7F}é😀\"")
    }

    @Test(
        "BUN-09: integers of 64 bits survive a round trip unchanged",
        arguments: ["9007199254740993", "18446744073709551615"])
    func integers(text: String) throws {
        #expect(JSON.serialize(try JSON.parse(text.utf8, maxBytes: 100)).text == text)
    }
}
