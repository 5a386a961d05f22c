/// A version of this library: three numbers, of which the first that differs decides.
public struct LibraryVersion: Hashable, Sendable {
    /// The version of this library, and of the programs that are built with it.
    public static let current = LibraryVersion(major: 0, minor: 1, patch: 0)

    public let major: UInt32
    public let minor: UInt32
    public let patch: UInt32

    package init(major: UInt32, minor: UInt32, patch: UInt32) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Parses `1.2.3`: decimal numbers without leading zeros; nil for anything else.
    package init?(parsing text: some StringProtocol) {
        let parts = text.utf8.count <= 32 ? text.split(separator: ".", omittingEmptySubsequences: false) : []
        let numbers = parts.compactMap { part in
            // Nothing but the number itself, written as it would be here: no sign, no zeros before it.
            UInt32(part).flatMap { "\($0)" == part ? $0 : nil }
        }
        guard parts.count == 3, numbers.count == 3 else { return nil }
        self.init(major: numbers[0], minor: numbers[1], patch: numbers[2])
    }
}

extension LibraryVersion: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
}

extension LibraryVersion: CustomStringConvertible {
    public var description: String { "\(self.major).\(self.minor).\(self.patch)" }
}
