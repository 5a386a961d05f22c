import Foundation
import JOSE

/// What Foundation's reader of JSON makes of a text.
enum ReferenceJSON {
    /// Whether this is refused although it is JSON: RFC 8259 leaves it to readers, or it is a limit of ours.
    static func isLiberty(_ error: JSONError, _ input: [UInt8]) -> Bool {
        switch error {
        case .duplicateMember, .tooDeep, .tooLong, .tooManyValues, .byteOrderMark, .loneSurrogate: true
        case .unexpectedByte(UInt8(ascii: "]"), let offset), .unexpectedByte(UInt8(ascii: "}"), let offset):
            // Foundation takes a comma after the last element.
            input.prefix(offset).last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ",")
        // Foundation finds out by zero bytes that a text is UTF-16 or UTF-32, and by their order marks.
        default: input.prefix(4).contains(0) || input.starts(with: [0xFE, 0xFF]) || input.starts(with: [0xFF, 0xFE])
        }
    }

    /// Whether some number is greater than a `Double`, which Foundation refuses.
    static func hasGreatNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool, .string: false
        case .number(let number): number.double == nil
        case .array(let elements): elements.contains(where: self.hasGreatNumber)
        case .object(let object): object.members.contains { self.hasGreatNumber($0.value) }
        }
    }

    static func isSame(_ ours: JSONValue, _ theirs: Any) -> Bool {
        switch ours {
        case .null: theirs is NSNull
        case .bool(let value): (theirs as? Bool) == value
        case .number(let number): self.isSame(number, theirs)
        case .string: (theirs as? String).map(ours.isString) ?? false
        case .array(let elements): self.isSame(elements, theirs)
        case .object(let object): self.isSame(object, theirs)
        }
    }

    private static func isSame(_ number: JSONNumber, _ theirs: Any) -> Bool {
        guard let theirs = theirs as? NSNumber else { return false }
        if let integer = number.int64, theirs.int64Value == integer { return true }
        if let integer = number.uint64, theirs.uint64Value == integer { return true }
        // Foundation rounds numbers of many digits twice.
        guard let ours = number.double else { return false }
        return abs(ours - theirs.doubleValue) <= abs(ours) * 1e-14
    }

    private static func isSame(_ elements: [JSONValue], _ theirs: Any) -> Bool {
        guard let theirs = theirs as? [Any], theirs.count == elements.count else { return false }
        return zip(elements, theirs).allSatisfy { self.isSame($0, $1) }
    }

    private static func isSame(_ object: JSONObject, _ theirs: Any) -> Bool {
        guard let theirs = theirs as? [String: Any] else { return false }
        // Foundation takes names for the same that are only equivalent.
        guard Set(object.members.map(\.name)).count == object.count else { return true }
        return theirs.count == object.count
            && object.members.allSatisfy { name, value in theirs[name].map { self.isSame(value, $0) } ?? false }
    }
}
