/// Writes JSON values as UTF-8.
struct JSONWriter {
    private let sorted: Bool
    private let pretty: Bool
    private var bytes: [UInt8] = []
    private var depth = 0

    init(sorted: Bool, pretty: Bool) {
        self.sorted = sorted
        self.pretty = pretty
    }

    consuming func finish() -> [UInt8] {
        if self.pretty { self.bytes.append(0x0A) }
        return self.bytes
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: self.bytes.append(contentsOf: "null".utf8)
        case .bool(let value): self.bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let value): self.bytes.append(contentsOf: value.text.utf8)
        case .string(let value): self.write(value)
        case .array(let elements):
            self.writeContainer("[", "]", elements) { writer, element in writer.write(element) }
        case .object(let object):
            self.writeContainer("{", "}", self.ordered(object.members)) { writer, member in
                writer.write(member.name)
                writer.bytes.append(contentsOf: (writer.pretty ? ": " : ":").utf8)
                writer.write(member.value)
            }
        }
    }

    private func ordered(_ members: [(name: String, value: JSONValue)]) -> [(name: String, value: JSONValue)] {
        guard self.sorted else { return members }
        return members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private mutating func writeContainer<Element>(
        _ opening: String, _ closing: String, _ elements: [Element],
        _ writeElement: (inout JSONWriter, Element) -> Void
    ) {
        self.bytes.append(contentsOf: opening.utf8)
        self.depth += 1
        for (position, element) in elements.enumerated() {
            if position > 0 { self.bytes.append(UInt8(ascii: ",")) }
            self.breakLine()
            writeElement(&self, element)
        }
        self.depth -= 1
        if !elements.isEmpty { self.breakLine() }
        self.bytes.append(contentsOf: closing.utf8)
    }

    private mutating func breakLine() {
        guard self.pretty else { return }
        self.bytes.append(0x0A)
        self.bytes.append(contentsOf: repeatElement(0x20, count: 2 * self.depth))
    }

    private mutating func write(_ string: String) {
        self.bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                self.bytes.append(UInt8(ascii: "\\"))
                self.bytes.append(byte)
            case 0x0A: self.bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: self.bytes.append(contentsOf: "\\r".utf8)
            case 0x09: self.bytes.append(contentsOf: "\\t".utf8)
            case 0x00..<0x20:
                let digits = String(byte, radix: 16)
                self.bytes.append(contentsOf: "\\u00".utf8)
                self.bytes.append(contentsOf: (digits.utf8.count == 1 ? "0" + digits : digits).utf8)
            default: self.bytes.append(byte)
            }
        }
        self.bytes.append(UInt8(ascii: "\""))
    }
}
