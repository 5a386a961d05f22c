/// One permission, as the service that gives it has named it: a `scope-token` of RFC 6749 §3.3, such as
/// `payments:create`.
///
/// Visible ASCII without space, quotation mark and backslash; compared byte by byte, with case.
public struct Scope: Hashable, Sendable {
    /// The longest scope, in bytes.
    public static let maxBytes = 128

    public let name: String

    /// Parses a scope.
    ///
    /// - Throws: ``ScopeError`` when it is empty, too long, or has a byte that RFC 6749 §3.3 forbids.
    public init(parsing name: String) throws(ScopeError) {
        let bytes = name.utf8
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= Self.maxBytes else { throw .tooLong(maxBytes: Self.maxBytes) }
        for byte in bytes where !Self.isAllowed(byte) { throw .forbiddenByte(byte) }
        self.name = name
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21, 0x23...0x5B, 0x5D...0x7E: true
        default: false
        }
    }
}

extension Scope: Comparable {
    /// Orders by the bytes of the names.
    public static func < (lhs: Scope, rhs: Scope) -> Bool {
        lhs.name < rhs.name
    }
}

extension Scope: CustomStringConvertible {
    public var description: String { self.name }
}

extension Scope: ExpressibleByStringLiteral {
    /// A scope that is written in the code of a service; one that is none ends the program at once.
    public init(stringLiteral name: String) {
        do { try self.init(parsing: name) } catch { preconditionFailure("\(String(reflecting: name)): \(error)") }
    }
}
