import Foundation

/// Grammars as their standards write them, judged by a machine for regular expressions: what our parsers, which are
/// written by hand, have to agree with.
struct ReferenceGrammar: Sendable {
    private let expression: NSRegularExpression
    private let maxBytes: Int

    private init(_ pattern: String, maxBytes: Int) throws {
        self.expression = try NSRegularExpression(pattern: "\\A(?:\(pattern))\\z")
        self.maxBytes = maxBytes
    }

    /// Whether all of these bytes are of the grammar; each byte is taken for the code point of its number.
    func matches(_ bytes: some Collection<UInt8>) -> Bool {
        guard bytes.count <= self.maxBytes else { return false }
        var text = ""
        for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
        let whole = NSRange(location: 0, length: text.utf16.count)
        return self.expression.firstMatch(in: text, range: whole) != nil
    }

    private static let trustDomainName = "[a-z0-9._-]{1,255}"
    private static let pathText = "(?:/(?!\\.{1,2}(?:/|\\z))[A-Za-z0-9._-]+)*"

    /// A SPIFFE ID (SPIFFE-ID §2).
    static let spiffeID = Result {
        try ReferenceGrammar("spiffe://\(Self.trustDomainName)\(Self.pathText)", maxBytes: 2_048)
    }

    /// The name of a trust domain (SPIFFE-ID §2.1).
    static let trustDomain = Result { try ReferenceGrammar(Self.trustDomainName, maxBytes: 255) }

    /// The path of a SPIFFE ID (SPIFFE-ID §2.2).
    static let path = Result { try ReferenceGrammar(Self.pathText, maxBytes: 2_048) }

    /// The value of an `Authorization` header with a bearer token (RFC 6750 §2.1).
    static let bearer = Result {
        try ReferenceGrammar("[Bb][Ee][Aa][Rr][Ee][Rr] +[A-Za-z0-9._~+/-]+=*", maxBytes: .max)
    }

    /// Scopes with one space between each two, or none (RFC 6749 §3.3).
    static let scopes = Result {
        let token = "[\\x21\\x23-\\x5B\\x5D-\\x7E]{1,128}"
        return try ReferenceGrammar("|\(token)(?: \(token)){0,63}", maxBytes: .max)
    }
}
