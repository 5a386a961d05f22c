/// A recursive descent over a JSON text; its depth is bounded by `maxDepth`.
struct JSONReader {
    private static let longestNameInError = 64

    private let bytes: [UInt8]
    private let maxDepth: Int
    private var offset = 0
    private var valueCount = 0

    init(bytes: [UInt8], maxDepth: Int) {
        self.bytes = bytes
        self.maxDepth = maxDepth
    }

    mutating func readText() throws(JSONError) -> JSONValue {
        guard !self.bytes.starts(with: [0xEF, 0xBB, 0xBF]) else { throw .byteOrderMark }
        self.skipWhitespace()
        let value = try self.readValue(depth: 0)
        self.skipWhitespace()
        guard self.offset == self.bytes.count else { throw .trailingBytes(offset: self.offset) }
        return value
    }

    private var next: UInt8? {
        self.offset < self.bytes.count ? self.bytes[self.offset] : nil
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard let next = self.next else { throw .unexpectedEnd }
        return next
    }

    private mutating func skipWhitespace() {
        while let next = self.next, [0x20, 0x09, 0x0A, 0x0D].contains(next) { self.offset += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        let next = try self.peek()
        guard next == byte else { throw .unexpectedByte(next, offset: self.offset) }
        self.offset += 1
    }

    private mutating func readValue(depth: Int) throws(JSONError) -> JSONValue {
        self.valueCount += 1
        guard self.valueCount <= JSON.maxValues else { throw .tooManyValues(limit: JSON.maxValues) }
        switch try self.peek() {
        case UInt8(ascii: "{"):
            return .object(try self.readObject(depth: depth + 1))
        case UInt8(ascii: "["):
            return .array(try self.readArray(depth: depth + 1))
        case UInt8(ascii: "\""):
            return .string(try self.readString())
        case UInt8(ascii: "t"):
            try self.readWord("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try self.readWord("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try self.readWord("null")
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try self.readNumber())
        case let other:
            throw .unexpectedByte(other, offset: self.offset)
        }
    }

    private mutating func readWord(_ word: StaticString) throws(JSONError) {
        for byte in word.description.utf8 { try self.expect(byte) }
    }

    private mutating func readObject(depth: Int) throws(JSONError) -> JSONObject {
        guard depth <= self.maxDepth else { throw .tooDeep(maxDepth: self.maxDepth) }
        try self.expect(UInt8(ascii: "{"))
        var object = JSONObject()
        self.skipWhitespace()
        if self.next == UInt8(ascii: "}") {
            self.offset += 1
            return object
        }
        while true {
            self.skipWhitespace()
            let name = try self.readString()
            self.skipWhitespace()
            try self.expect(UInt8(ascii: ":"))
            self.skipWhitespace()
            let value = try self.readValue(depth: depth)
            guard object.append(name: name, value: value) else {
                throw .duplicateMember(String(decoding: name.utf8.prefix(Self.longestNameInError), as: UTF8.self))
            }
            if try self.readSeparator(orClosing: UInt8(ascii: "}")) { return object }
        }
    }

    private mutating func readArray(depth: Int) throws(JSONError) -> [JSONValue] {
        guard depth <= self.maxDepth else { throw .tooDeep(maxDepth: self.maxDepth) }
        try self.expect(UInt8(ascii: "["))
        var array: [JSONValue] = []
        self.skipWhitespace()
        if self.next == UInt8(ascii: "]") {
            self.offset += 1
            return array
        }
        while true {
            self.skipWhitespace()
            array.append(try self.readValue(depth: depth))
            if try self.readSeparator(orClosing: UInt8(ascii: "]")) { return array }
        }
    }

    /// Reads a comma or the end of the container; true for the end.
    private mutating func readSeparator(orClosing closing: UInt8) throws(JSONError) -> Bool {
        self.skipWhitespace()
        let next = try self.peek()
        guard next == closing || next == UInt8(ascii: ",") else {
            throw .unexpectedByte(next, offset: self.offset)
        }
        self.offset += 1
        return next == closing
    }

    private mutating func readNumber() throws(JSONError) -> JSONNumber {
        let start = self.offset
        if self.next == UInt8(ascii: "-") { self.offset += 1 }
        if self.next == UInt8(ascii: "0") {
            self.offset += 1
            // "01" is no number; after "0" comes a fraction, an exponent or the end.
            guard !self.isAtDigit else { throw .invalidNumber(offset: start) }
        } else {
            try self.readDigits(ofNumberAt: start)
        }
        if self.next == UInt8(ascii: ".") {
            self.offset += 1
            try self.readDigits(ofNumberAt: start)
        }
        if self.next == UInt8(ascii: "e") || self.next == UInt8(ascii: "E") {
            self.offset += 1
            if self.next == UInt8(ascii: "+") || self.next == UInt8(ascii: "-") { self.offset += 1 }
            try self.readDigits(ofNumberAt: start)
        }
        return JSONNumber(checked: String(decoding: self.bytes[start..<self.offset], as: UTF8.self))
    }

    private var isAtDigit: Bool {
        self.next.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
    }

    private mutating func readDigits(ofNumberAt start: Int) throws(JSONError) {
        guard self.isAtDigit else { throw .invalidNumber(offset: start) }
        while self.isAtDigit { self.offset += 1 }
    }
}

extension JSONReader {
    private mutating func readString() throws(JSONError) -> String {
        let start = self.offset
        try self.expect(UInt8(ascii: "\""))
        var content: [UInt8] = []
        while true {
            let runStart = self.offset
            var byte = try self.peek()
            var bits: UInt8 = 0
            while byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
                bits |= byte
                self.offset += 1
                byte = try self.peek()
            }
            let run = self.bytes[runStart..<self.offset]
            guard byte >= 0x20 else { throw .controlCharacter(offset: self.offset) }
            if byte == UInt8(ascii: "\""), content.isEmpty, bits < 0x80 {
                // Almost every string there is: ASCII without escapes needs no copy, and cannot be invalid.
                self.offset += 1
                return String(decoding: run, as: UTF8.self)
            }
            content.append(contentsOf: run)
            if byte == UInt8(ascii: "\"") { break }
            try self.readEscape(into: &content)
        }
        self.offset += 1
        guard let string = String(validating: content, as: UTF8.self) else { throw .invalidUTF8(offset: start) }
        return string
    }

    private mutating func readEscape(into content: inout [UInt8]) throws(JSONError) {
        let start = self.offset
        self.offset += 1
        let letter = try self.peek()
        self.offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(letter)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try self.readScalar(ofEscapeAt: start)
            content.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw .invalidEscape(offset: start)
        }
    }

    /// Reads the four digits after `\u` and, after a high surrogate, the low one that must follow.
    private mutating func readScalar(ofEscapeAt start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try self.readHexadecimal(ofEscapeAt: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800...0xDBFF).contains(first) else { throw .loneSurrogate(offset: start) }
        guard self.next == UInt8(ascii: "\\") else { throw .loneSurrogate(offset: start) }
        self.offset += 1
        guard self.next == UInt8(ascii: "u") else { throw .loneSurrogate(offset: start) }
        self.offset += 1
        let second = try self.readHexadecimal(ofEscapeAt: start)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        else { throw .loneSurrogate(offset: start) }
        return scalar
    }

    private mutating func readHexadecimal(ofEscapeAt start: Int) throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = try self.peek()
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw .invalidEscape(offset: start)
            }
            value = value << 4 | UInt16(digit)
            self.offset += 1
        }
        return value
    }
}
