/// What a client says of the library by which it asks for tokens, in the form of `User-Agent` (RFC 9110 §10.1.5).
///
/// Nothing proves it: it tells who has to update, and keeps nobody out who lies.
package enum ReportedLibrary: Hashable, Sendable {
    /// It says nothing that can be read.
    case unknown
    /// Another library, as it names itself.
    case other(String)
    /// This library; nil where it names no version that can be read.
    case signet(LibraryVersion?)

    /// The name under which this library reports itself.
    package static let name = "signet-swift"
    /// What this library reports.
    package static let current = ReportedLibrary.signet(.current)
    /// How much of a report is read, in bytes.
    package static let maxBytes = 256
    /// The longest name and version of another library that is kept, in bytes.
    package static let maxProductBytes = 64

    /// Reads a report: this library wherever it is named, else what is named first.
    package init(_ report: String) {
        let products = report.utf8.prefix(Self.maxBytes).split(separator: UInt8(ascii: " "))
            .map { String(decoding: $0, as: UTF8.self) }
        for product in products {
            let parts = product.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts[0].lowercased() == Self.name else { continue }
            self = .signet(parts.count == 2 ? LibraryVersion(parsing: parts[1]) : nil)
            return
        }
        guard let first = products.first, first.utf8.count <= Self.maxProductBytes, Self.isProduct(first) else {
            self = .unknown
            return
        }
        self = .other(first)
    }

    /// The report, as short as it can be said; nil where there is none.
    package var report: String? {
        switch self {
        case .unknown: nil
        case .other(let product): product
        case .signet(nil): Self.name
        case .signet(let version?): "\(Self.name)/\(version)"
        }
    }

    /// Whether a text has only characters of a token (RFC 9110 §5.6.2), and slashes.
    private static func isProduct(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == UInt8(ascii: "/") || HTTPToken.isCharacter($0) }
    }
}
