/// Why bytes are not a JSON text that is accepted here.
///
/// Offsets count bytes from the beginning of the text.
@nonexhaustive
public enum JSONError: Error, Hashable {
    /// The text is longer than the caller's limit, in bytes.
    case tooLong(maxBytes: Int)
    /// Arrays and objects are nested deeper than the caller's limit.
    case tooDeep(maxDepth: Int)
    /// The text holds more than ``JSON/maxValues`` values.
    case tooManyValues(limit: Int)
    /// The text ends within a value, or is empty.
    case unexpectedEnd
    /// The byte at `offset` cannot stand there.
    case unexpectedByte(UInt8, offset: Int)
    /// Something other than whitespace follows the value.
    case trailingBytes(offset: Int)
    /// The text begins with a byte order mark (RFC 8259 §8.1).
    case byteOrderMark
    /// The number that begins at `offset` does not follow the grammar of RFC 8259 §6.
    case invalidNumber(offset: Int)
    /// The escape sequence at `offset` is none of RFC 8259 §7.
    case invalidEscape(offset: Int)
    /// The `\u` escape at `offset` is half of a surrogate pair.
    case loneSurrogate(offset: Int)
    /// The string contains the control character at `offset` unescaped.
    case controlCharacter(offset: Int)
    /// The string that begins at `offset` is not UTF-8.
    case invalidUTF8(offset: Int)
    /// An object has two members of this name, shown up to 64 bytes.
    case duplicateMember(String)
}
