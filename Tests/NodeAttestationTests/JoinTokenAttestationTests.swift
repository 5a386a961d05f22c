import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE
import TestSupport
import Testing

@Suite("Attestation by join token", .timeLimit(.minutes(1)))
struct JoinTokenAttestationTests {
    private let token = "a1b2c3d4-0000-4000-8000-000000000000"

    @Test("an agent's SPIFFE ID ends in its token")
    func agentID() throws {
        let id = try JoinTokenAttestation.agentID(trustDomain: TrustDomain(parsing: "example.org"), token: self.token)
        #expect(id.uri == "spiffe://example.org/spire/agent/join_token/\(self.token)")
        #expect(try JoinTokenAttestation.selector(agentID: id).description == "spiffe_id:\(id.uri)")
    }

    @Test("the payload is the token's bytes")
    func evidence() throws {
        let payload = JoinTokenAttestation.evidence(token: self.token)
        #expect(payload == Array(self.token.utf8))
        #expect(try JoinTokenAttestation.token(evidence: payload) == self.token)
    }

    @Test(
        "a token that is no path segment is refused",
        arguments: [
            ("", JoinTokenFormError.empty), (".", .invalidBytes), ("..", .invalidBytes), ("a/b", .invalidBytes),
            ("a b", .invalidBytes), ("a\0", .invalidBytes), (String(repeating: "a", count: 256), .tooLong(bytes: 256)),
        ])
    func form(token: String, error: JoinTokenFormError) {
        #expect(throws: error) { try JoinTokenAttestation.validate(token: token) }
        #expect(throws: error) { try JoinTokenAttestation.token(evidence: Array(token.utf8)) }
    }

    @Test("a payload that is not UTF-8 is refused")
    func notUTF8() {
        #expect(throws: JoinTokenFormError.invalidBytes) { try JoinTokenAttestation.token(evidence: [0xFF, 0x41]) }
    }

    @Test("new tokens are random UUIDs of the right form")
    func makeToken() throws {
        let tokens = Set((0..<100).map { _ in JoinTokenAttestation.makeToken() })
        #expect(tokens.count == 100)
        for token in tokens {
            try JoinTokenAttestation.validate(token: token)
            #expect(token.utf8.count == 36)
            #expect(token == token.lowercased())
        }
    }

    @Test("the alias entry is a child of the agent, for the agent")
    func aliasEntry() throws {
        let agentID = try SPIFFEID(parsing: "spiffe://example.org/spire/agent/join_token/\(self.token)")
        let alias = try SPIFFEID(parsing: "spiffe://example.org/rack1")
        let now = Date(timeIntervalSince1970: 7)
        let entry = try JoinTokenAttestation.aliasEntry(id: "e", alias: alias, agentID: agentID, now: now)
        #expect(
            entry
                == RegistrationEntry(
                    id: "e",
                    content: EntryContent(
                        spiffeID: alias, parentID: agentID,
                        selectors: [try Selector(type: "spiffe_id", value: agentID.uri)]), createdAt: now))
        let child = RegistrationEntry(
            id: "w",
            content: EntryContent(
                spiffeID: try SPIFFEID(parsing: "spiffe://example.org/w"), parentID: alias,
                selectors: [try Selector(parsing: "unix:uid:1")]), createdAt: now)
        #expect(
            EntryIndex([entry, child]).authorizedEntries(for: [agentID], now: .distantPast).map(\.id) == ["e", "w"])
    }

    @Test("the hash of a token is its SHA-256, as sha256sum prints it")
    func hash() async throws {
        let printed = try await runProcess("sha256sum", input: Array(self.token.utf8))
        let hash = JoinTokenHash(of: self.token)
        #expect(printed.outputText.hasPrefix("\(hash.hex) "))
        #expect(JoinTokenHash(hex: hash.hex) == hash)
    }

    @Test(
        "64 lower-case hexadecimal digits make a hash, nothing else does",
        arguments: [
            "", String(repeating: "a", count: 63), String(repeating: "A", count: 64), String(repeating: "g", count: 64),
        ])
    func malformedHash(text: String) {
        #expect(JoinTokenHash(hex: text) == nil)
    }
}
