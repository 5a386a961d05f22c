import JOSE
import Testing

@Suite("JSON reading (RFC 8259)", .timeLimit(.minutes(1)))
struct JSONReadingTests {
    private func parse(_ text: String, maxDepth: Int = 16) throws(JSONError) -> JSONValue {
        try JSON.parse(text.utf8, maxBytes: 100_000, maxDepth: maxDepth)
    }

    @Test(
        "texts and their values",
        arguments: [
            ("null", nil), (" true ", true), ("\t\r\nfalse", false), ("\"\"", ""), ("[]", []), ("{}", [:]),
            ("[1,2 , 3]", [1, 2, 3]), (#"{"a":[{"b":null}],"":0}"#, ["a": [["b": nil]], "": 0]),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"),
            (#""\ud83d\ude00""#, "😀"), (#""\u0000""#, "\u{0}"), ("\"é€😀\u{7F}\"", "é€😀\u{7F}"),
        ] as [(String, JSONValue)])
    func accepted(text: String, value: JSONValue) throws {
        #expect(try self.parse(text) == value)
    }

    @Test(
        "numbers keep their text, and their value where it fits",
        arguments: [
            ("0", 0, 0, 0), ("-0", 0, nil, -0.0), ("-1", -1, nil, -1),
            ("9007199254740993", 9_007_199_254_740_993, 9_007_199_254_740_993, 9_007_199_254_740_992),
            ("9223372036854775807", .max, 9_223_372_036_854_775_807, 0x1p63),
            ("18446744073709551615", nil, .max, 0x1p64), ("18446744073709551616", nil, nil, 0x1p64),
            ("-9223372036854775808", .min, nil, -0x1p63), ("-9223372036854775809", nil, nil, -0x1p63),
            ("1.5", nil, nil, 1.5), ("1.0", nil, nil, 1), ("1e2", nil, nil, 100), ("1E+2", nil, nil, 100),
            ("25e-1", nil, nil, 2.5), ("1e400", nil, nil, nil), ("-1e400", nil, nil, nil), ("1e-400", nil, nil, 0),
        ] as [(String, Int64?, UInt64?, Double?)])
    func numbers(text: String, int64: Int64?, uint64: UInt64?, double: Double?) throws {
        let number = try #require(try self.parse(text).number)
        #expect(number.text == text)
        #expect(number.int64 == int64)
        #expect(number.uint64 == uint64)
        #expect(number.double == double)
    }

    @Test(
        "texts that are refused, and why",
        arguments: [
            ("", .unexpectedEnd), ("  ", .unexpectedEnd), ("[", .unexpectedEnd), ("[1", .unexpectedEnd),
            ("{", .unexpectedEnd), (#"{"a""#, .unexpectedEnd), (#"{"a":"#, .unexpectedEnd), ("\"a", .unexpectedEnd),
            (#""\"#, .unexpectedEnd), (#""\u00"#, .unexpectedEnd), ("tru", .unexpectedEnd),
            ("nul1", .unexpectedByte(0x31, offset: 3)), ("True", .unexpectedByte(0x54, offset: 0)),
            ("NaN", .unexpectedByte(0x4E, offset: 0)), ("[1,]", .unexpectedByte(0x5D, offset: 3)),
            ("[,1]", .unexpectedByte(0x2C, offset: 1)), ("[1 2]", .unexpectedByte(0x32, offset: 3)),
            (#"{"a":1,}"#, .unexpectedByte(0x7D, offset: 7)), ("{a:1}", .unexpectedByte(0x61, offset: 1)),
            ("{1:1}", .unexpectedByte(0x31, offset: 1)), (#"{"a" 1}"#, .unexpectedByte(0x31, offset: 5)),
            ("{'a':1}", .unexpectedByte(0x27, offset: 1)), ("[1}", .unexpectedByte(0x7D, offset: 2)),
            ("+1", .unexpectedByte(0x2B, offset: 0)), (".5", .unexpectedByte(0x2E, offset: 0)),
            ("//\n1", .unexpectedByte(0x2F, offset: 0)), ("\u{A0}1", .unexpectedByte(0xC2, offset: 0)),
            ("\u{B}1", .unexpectedByte(0x0B, offset: 0)),
            ("1x", .trailingBytes(offset: 1)), ("{}{}", .trailingBytes(offset: 2)), ("1 2", .trailingBytes(offset: 2)),
            ("1\u{0}", .trailingBytes(offset: 1)), ("0x10", .trailingBytes(offset: 1)),
            ("1_0", .trailingBytes(offset: 1)),
            ("01", .invalidNumber(offset: 0)), ("-01", .invalidNumber(offset: 0)), ("[-]", .invalidNumber(offset: 1)),
            ("-", .invalidNumber(offset: 0)), ("1.", .invalidNumber(offset: 0)), ("1.e1", .invalidNumber(offset: 0)),
            ("1e", .invalidNumber(offset: 0)), ("1e+", .invalidNumber(offset: 0)),
            ("-Infinity", .invalidNumber(offset: 0)),
            (#""\a""#, .invalidEscape(offset: 1)), (#""\u00g0""#, .invalidEscape(offset: 1)),
            (#""x\U0041""#, .invalidEscape(offset: 2)), (#""\u+041""#, .invalidEscape(offset: 1)),
            (#""\ud800""#, .loneSurrogate(offset: 1)), (#""\udc00""#, .loneSurrogate(offset: 1)),
            (#""\ud800x""#, .loneSurrogate(offset: 1)), (#""\ud800\n""#, .loneSurrogate(offset: 1)),
            (#""\ud800\ud800""#, .loneSurrogate(offset: 1)), (#""\ude00\ud83d""#, .loneSurrogate(offset: 1)),
            ("\"a\nb\"", .controlCharacter(offset: 2)), ("\"\u{0}\"", .controlCharacter(offset: 1)),
            ("\u{FEFF}{}", .byteOrderMark),
            (#"{"a":1,"a":1}"#, .duplicateMember("a")), (#"{"a":1,"\u0061":2}"#, .duplicateMember("a")),
            (#"{"o":{"b":1,"c":2,"b":3}}"#, .duplicateMember("b")), (#"{"":1,"":2}"#, .duplicateMember("")),
        ] as [(String, JSONError)])
    func refused(text: String, error: JSONError) {
        #expect(throws: error) { try self.parse(text) }
    }

    @Test(
        "strings that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xC3], [0xC0, 0xAF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
            [0xC3, 0x5C, 0x6E],
        ] as [[UInt8]])
    func invalidUTF8(content: [UInt8]) {
        #expect(throws: JSONError.invalidUTF8(offset: 1)) {
            try JSON.parse([0x5B, 0x22] + content + [0x22, 0x5D], maxBytes: 100)
        }
    }

    @Test("a text of exactly the limit is read, one byte more is not")
    func maxBytes() throws {
        #expect(try JSON.parse("[1]".utf8, maxBytes: 3) == [1])
        #expect(throws: JSONError.tooLong(maxBytes: 2)) { try JSON.parse("[1]".utf8, maxBytes: 2) }
    }

    @Test("nesting up to the limit is read, one level more is not")
    func maxDepth() throws {
        #expect(try self.parse("[[]]", maxDepth: 2) == [[]])
        #expect(try self.parse("1", maxDepth: 0) == 1)
        #expect(throws: JSONError.tooDeep(maxDepth: 2)) { try self.parse("[{\"a\":[]}]", maxDepth: 2) }
        #expect(throws: JSONError.tooDeep(maxDepth: 64)) {
            try self.parse(String(repeating: "[", count: 50_000), maxDepth: JSON.greatestMaxDepth)
        }
    }

    @Test("a text of too many values is refused")
    func maxValues() throws {
        func text(_ count: Int) -> [UInt8] { Array(("[" + String(repeating: "1,", count: count - 2) + "1]").utf8) }
        #expect(try JSON.parse(text(JSON.maxValues), maxBytes: .max).array?.count == JSON.maxValues - 1)
        #expect(throws: JSONError.tooManyValues(limit: JSON.maxValues)) {
            try JSON.parse(text(JSON.maxValues + 1), maxBytes: .max)
        }
    }

    @Test("names that only Unicode normalization makes equal are two members")
    func codePoints() throws {
        let kelvin = "\u{212A}"
        let object = try #require(try self.parse("{\"K\":1,\"\(kelvin)\":2,\"\u{E9}\":3,\"e\u{301}\":4}").object)
        #expect(object.count == 4)
        #expect(object["K"] == 1)
        #expect(object[kelvin] == 2)
        #expect(JSONValue.string("K") != JSONValue.string(kelvin))
        #expect(!JSONValue.string(kelvin).isString("K"))
    }

    @Test("an object of many members finds and refuses them as a small one does")
    func manyMembers() throws {
        let members = (0..<5_000).map { "\"m\($0)\":\($0)" }.joined(separator: ",")
        let object = try #require(try self.parse("{\(members)}").object)
        #expect(object["m4999"] == 4_999)
        #expect(object["m5000"] == nil)
        #expect(object.members.map(\.name).prefix(2) == ["m0", "m1"])
        #expect(throws: JSONError.duplicateMember("m17")) { try self.parse("{\(members),\"m17\":0}") }
    }

    @Test("a member is set in place, added at the end and removed", arguments: [3, 40])
    func setting(count: Int) {
        var object = JSONObject()
        for number in 0..<count { object["m\(number)"] = 0 }
        object["m1"] = 1
        object["m0"] = nil
        object["last"] = true
        object["absent"] = nil
        #expect(object.count == count)
        #expect(object["m0"] == nil && object["m1"] == 1 && object["last"] == true)
        #expect(object.members.first?.name == "m1" && object.members.last?.name == "last")
    }
}
