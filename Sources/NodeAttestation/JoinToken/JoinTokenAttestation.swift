package import FoundationEssentials
package import Registration
package import SPIFFE

/// Node attestation by a join token: whoever has the token first is the node.
///
/// No challenge, no second use.
package enum JoinTokenAttestation {
    /// The attestor's name on the wire.
    package static let type = "join_token"
    /// The longest token, in bytes.
    package static let maxTokenBytes = 255

    /// Checks the form of a token: 1…255 bytes that make one segment of a SPIFFE ID path (SPIFFE-ID §2.2).
    package static func validate(token: String) throws(JoinTokenFormError) {
        guard !token.isEmpty else { throw .empty }
        guard token.utf8.count <= Self.maxTokenBytes else { throw .tooLong(bytes: token.utf8.count) }
        guard token != ".", token != "..", token.utf8.allSatisfy(Self.isSegmentByte) else { throw .invalidBytes }
    }

    /// A new token: a random UUID (RFC 9562 §5.4) in lower case, from the system's generator.
    package static func makeToken() -> String {
        UUID().uuidString.lowercased()
    }

    /// The SPIFFE ID of the agent that uses the token: `/spire/agent/join_token/<token>`.
    package static func agentID(trustDomain: TrustDomain, token: String) throws(JoinTokenFormError) -> SPIFFEID {
        try Self.validate(token: token)
        do {
            return try SPIFFEID(trustDomain: trustDomain, path: "/spire/agent/join_token/\(token)")
        } catch {
            throw .invalidBytes
        }
    }

    /// The payload of the attestation data with which an agent presents its token.
    package static func evidence(token: String) -> [UInt8] { Array(token.utf8) }

    /// The token of a payload.
    package static func token(evidence: some Collection<UInt8>) throws(JoinTokenFormError) -> String {
        guard evidence.count <= Self.maxTokenBytes else { throw .tooLong(bytes: evidence.count) }
        let token = String(decoding: evidence, as: UTF8.self)
        try Self.validate(token: token)
        return token
    }

    /// The only selector of such an agent: `spiffe_id:` and its SPIFFE ID.
    package static func selector(agentID: SPIFFEID) throws(RegistrationError) -> Selector {
        try Selector(type: "spiffe_id", value: agentID.uri)
    }

    /// The entry that gives an agent its alias: a child of the agent itself, for the agent itself.
    package static func aliasEntry(
        id: String, alias: SPIFFEID, agentID: SPIFFEID, now: Date
    ) throws(RegistrationError) -> RegistrationEntry {
        RegistrationEntry(
            id: id,
            content: EntryContent(
                spiffeID: alias, parentID: agentID, selectors: [try Self.selector(agentID: agentID)]),
            createdAt: now)
    }

    private static func isSegmentByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// What is wrong with the form of a join token; never the token itself.
package enum JoinTokenFormError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(bytes: Int)
    /// It is no segment of a SPIFFE ID path.
    case invalidBytes

    package var description: String {
        switch self {
        case .empty: "the join token is empty"
        case .tooLong(let bytes):
            "the join token has \(bytes) bytes, at most \(JoinTokenAttestation.maxTokenBytes) are allowed"
        case .invalidBytes: "the join token may hold only letters, digits, '.', '_' and '-'"
        }
    }
}
