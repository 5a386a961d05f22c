/// A property of a node or workload that an attestor found, or that an entry demands: a type and a value.
///
/// Written `type:value`; the type has no colon, the value may have any.
/// Compared and ordered by bytes, as paths are by the kernel: a name that merely looks the same is another one.
package struct Selector: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest selector type, in bytes of UTF-8.
    package static let maxTypeBytes = 255
    /// The longest selector value, in bytes of UTF-8.
    package static let maxValueBytes = 4096

    package let type: String
    package let value: String

    /// A selector of a type (1…255 bytes, no colon) and a value (1…4096 bytes); neither holds a NUL byte.
    ///
    /// - Throws: ``RegistrationError/invalidSelector(_:)``.
    package init(type: String, value: String) throws(RegistrationError) {
        if let problem = Self.problem(type: type, value: value) {
            throw .invalidSelector(problem)
        }
        self.type = type
        self.value = value
    }

    /// Reads `type:value`; the first colon ends the type.
    ///
    /// - Throws: ``RegistrationError/invalidSelector(_:)``.
    package init(parsing text: some StringProtocol) throws(RegistrationError) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            throw .invalidSelector(.noColon)
        }
        try self.init(type: String(text[..<colon]), value: String(text[text.utf8.index(after: colon)...]))
    }

    package var description: String { "\(self.type):\(self.value)" }

    // Not as strings: Swift holds those equal that Unicode calls canonically equivalent.

    package static func == (left: Self, right: Self) -> Bool {
        left.type.utf8.elementsEqual(right.type.utf8) && left.value.utf8.elementsEqual(right.value.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for part in [self.type, self.value] {
            var part = part
            part.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            // No part holds a NUL, so it ends each.
            hasher.combine(0 as UInt8)
        }
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.type.utf8.elementsEqual(right.type.utf8)
            ? left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
            : left.type.utf8.lexicographicallyPrecedes(right.type.utf8)
    }

    private static func problem(type: String, value: String) -> SelectorProblem? {
        if type.isEmpty { return .emptyType }
        if type.utf8.count > Self.maxTypeBytes { return .typeTooLong(bytes: type.utf8.count) }
        if type.utf8.contains(UInt8(ascii: ":")) { return .colonInType }
        if value.isEmpty { return .emptyValue(type: type) }
        if value.utf8.count > Self.maxValueBytes { return .valueTooLong(type: type, bytes: value.utf8.count) }
        // PostgreSQL's text holds no NUL, and no attestor makes one.
        if type.utf8.contains(0) || value.utf8.contains(0) { return .containsNUL }
        return nil
    }
}

/// What is wrong with a selector.
package enum SelectorProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// `type:value` has no colon.
    case noColon
    case emptyType
    case typeTooLong(bytes: Int)
    case colonInType
    case emptyValue(type: String)
    case valueTooLong(type: String, bytes: Int)
    case containsNUL

    package var description: String {
        switch self {
        case .noColon: "a selector is written type:value"
        case .emptyType: "the selector type is empty"
        case .typeTooLong(let bytes):
            "the selector type has \(bytes) bytes, at most \(Selector.maxTypeBytes) are allowed"
        case .colonInType: "the selector type contains ':'"
        case .emptyValue(let type): "the value of a selector of type \(type) is empty"
        case .valueTooLong(let type, let bytes):
            "the value of a selector of type \(type) has \(bytes) bytes, at most \(Selector.maxValueBytes) are allowed"
        case .containsNUL: "the selector contains a NUL byte"
        }
    }
}
