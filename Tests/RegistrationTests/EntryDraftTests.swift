import FoundationEssentials
import Registration
import SPIFFE
import Testing

@Suite("What an entry may say", .timeLimit(.minutes(1)))
struct EntryDraftTests {
    private func validated(_ change: (inout EntryDraft) -> Void) throws -> EntryContent {
        var draft = Fixture.draft()
        change(&draft)
        return try draft.validated(
            trustDomain: Fixture.trustDomain(), bundles: [Fixture.trustDomain("other.test")])
    }

    @Test("a complete draft becomes a content field by field")
    func complete() throws {
        let content = try self.validated { draft in
            draft.selectors = [.init(type: "unix", value: "uid:2"), .init(type: "unix", value: "gid:1")]
            draft.x509SVIDTTLSeconds = 60
            draft.jwtSVIDTTLSeconds = 30
            draft.federatesWith = ["spiffe://other.test", "other.test"]
            draft.admin = true
            draft.expiresAtSeconds = 1_900_000_000
            draft.dnsNames = ["Web.example.org", "db", "web.example.org"]
            draft.hint = "internal"
            draft.disableX509SVIDPrefetch = true
            draft.jwtSVIDIncludeJTI = true
        }
        #expect(
            content
                == EntryContent(
                    spiffeID: try Fixture.id("/web"), parentID: try Fixture.id("/node"),
                    selectors: [try Selector(parsing: "unix:gid:1"), try Selector(parsing: "unix:uid:2")],
                    x509SVIDTTL: .seconds(60), jwtSVIDTTL: .seconds(30),
                    federatesWith: [try Fixture.trustDomain("other.test")], admin: true,
                    expiresAt: Date(timeIntervalSince1970: 1_900_000_000), dnsNames: ["web.example.org", "db"],
                    hint: "internal", disableX509SVIDPrefetch: true, jwtSVIDIncludeJTI: true))
    }

    @Test("an entry whose SVID goes to a store is one")
    func stored() throws {
        #expect(try self.validated { $0.storeSVID = true }.storeSVID)
    }

    @Test("zero and empty mean the server's defaults")
    func defaults() throws {
        let content = try self.validated { _ in }
        #expect(content.x509SVIDTTL == nil)
        #expect(content.jwtSVIDTTL == nil)
        #expect(content.expiresAt == nil)
    }

    @Test("selectors are sorted and repeated ones kept once")
    func selectorsAreASet() throws {
        let content = try self.validated { draft in
            draft.selectors = ["b", "a", "b"].map { .init(type: "unix", value: $0) }
        }
        #expect(content.selectors.map(\.description) == ["unix:a", "unix:b"])
    }

    static let refusals: [(name: String, error: RegistrationError, change: @Sendable (inout EntryDraft) -> Void)] = {
        let served = try? TrustDomain(parsing: "example.org")
        let other = try? TrustDomain(parsing: "other.test")
        let unknown = try? TrustDomain(parsing: "unknown.test")
        guard let served, let other, let unknown,
            let reserved = try? SPIFFEID(trustDomain: served, path: "/spire/server"),
            let spire = try? SPIFFEID(trustDomain: served, path: "/spire")
        else { return [] }
        return [
            ("no SPIFFE ID", .missing(.spiffeID), { $0.spiffeID = nil }),
            ("no parent", .missing(.parentID), { $0.parentID = nil }),
            ("no selectors", .missing(.selectors), { $0.selectors = [] }),
            (
                "a foreign SPIFFE ID", .foreignTrustDomain(.spiffeID, other, served: served),
                { $0.spiffeID?.trustDomain = "other.test" }
            ),
            (
                "a foreign parent", .foreignTrustDomain(.parentID, other, served: served),
                { $0.parentID?.trustDomain = "other.test" }
            ),
            ("a SPIFFE ID without a path", .pathMissing(.spiffeID), { $0.spiffeID?.path = "" }),
            ("a parent without a path", .pathMissing(.parentID), { $0.parentID?.path = "" }),
            ("a reserved SPIFFE ID", .reservedPath(.spiffeID, reserved), { $0.spiffeID?.path = "/spire/server" }),
            ("the reserved path itself", .reservedPath(.spiffeID, spire), { $0.spiffeID?.path = "/spire" }),
            (
                "a malformed selector", .invalidSelector(.emptyValue(type: "unix")),
                { $0.selectors.append(.init(type: "unix", value: "")) }
            ),
            (
                "too many selectors", .tooMany(.selectors, count: 257, limit: 256),
                { $0.selectors = (0..<257).map { .init(type: "unix", value: "uid:\($0)") } }
            ),
            (
                "selectors of two stores", .mixedSelectorTypes,
                {
                    $0.storeSVID = true; $0.selectors.append(.init(type: "aws", value: "x"))
                }
            ),
            ("a negative X.509 TTL", .ttlOutOfRange(.x509SVIDTTL, seconds: -1), { $0.x509SVIDTTLSeconds = -1 }),
            ("a negative JWT TTL", .ttlOutOfRange(.jwtSVIDTTL, seconds: .min), { $0.jwtSVIDTTLSeconds = .min }),
            (
                "a TTL over 32 bits", .ttlOutOfRange(.x509SVIDTTL, seconds: 2_147_483_648),
                { $0.x509SVIDTTLSeconds = 2_147_483_648 }
            ),
            ("a negative expiry", .expiryOutOfRange(seconds: -1), { $0.expiresAtSeconds = -1 }),
            ("an expiry beyond the year 9999", .expiryOutOfRange(seconds: .max), { $0.expiresAtSeconds = .max }),
            (
                "a hint too long", .tooLong(.hint, bytes: 1025, limit: 1024),
                { $0.hint = String(repeating: "h", count: 1025) }
            ),
            ("a NUL in the hint", .containsNUL(.hint), { $0.hint = "a\0b" }),
            ("a malformed DNS name", .invalidDNSName("a..b", .emptyLabel), { $0.dnsNames = ["a..b"] }),
            (
                "overlapping DNS names", .overlappingDNSNames(wildcard: "*.b", name: "a.b"),
                { $0.dnsNames = ["a.b", "*.b"] }
            ),
            (
                "too many DNS names", .tooMany(.dnsNames, count: 257, limit: 256),
                { $0.dnsNames = (0..<257).map { "h\($0)" } }
            ),
            (
                "too many trust domains", .tooMany(.federatesWith, count: 257, limit: 256),
                { $0.federatesWith = Array(repeating: "other.test", count: 257) }
            ),
            (
                "federation with an unknown trust domain", .bundleUnknown(unknown),
                { $0.federatesWith = ["unknown.test"] }
            ),
            ("federation with itself", .federatesWithItself(served), { $0.federatesWith = ["example.org"] }),
            ("a downstream entry", .downstreamRefused, { $0.downstream = true }),
            (
                "a stored entry that is not prefetched", .storedAndNotPrefetched,
                {
                    $0.storeSVID = true
                    $0.disableX509SVIDPrefetch = true
                }
            ),
        ]
    }()

    @Test(
        "each field that is wrong is refused with its own error, which begins with the field's name",
        arguments: Self.refusals.indices)
    func refusal(index: Int) {
        let (name, error, change) = Self.refusals[index]
        #expect(throws: error, "\(name)") { try self.validated(change) }
        #expect(error.description.hasPrefix("\(error.field.rawValue): "))
    }

    @Test("the table of refusals is complete")
    func tableIsThere() {
        #expect(Self.refusals.count == 27)
    }

    @Test("a malformed SPIFFE ID is refused with the rule it breaks")
    func malformedIDs() {
        #expect(throws: RegistrationError.self) { try self.validated { $0.spiffeID?.path = "web" } }
        #expect(throws: RegistrationError.self) { try self.validated { $0.spiffeID?.path = "/a/../b" } }
        #expect(throws: RegistrationError.self) { try self.validated { $0.spiffeID?.trustDomain = "example.org/x" } }
        #expect(throws: RegistrationError.self) {
            try self.validated { $0.parentID?.trustDomain = "spiffe://example.org" }
        }
    }

    @Test("SID-18: an ID of 2048 bytes is registered")
    func longestID() throws {
        let path = "/" + String(repeating: "a", count: 2048 - "spiffe://example.org/".utf8.count)
        let content = try self.validated { $0.spiffeID?.path = path }
        #expect(content.spiffeID.uri.utf8.count == 2048)
    }

    @Test("SID-19: an ID of 2049 bytes is refused")
    func tooLongID() {
        let path = "/" + String(repeating: "a", count: 2049 - "spiffe://example.org/".utf8.count)
        #expect(throws: RegistrationError.self) { try self.validated { $0.spiffeID?.path = path } }
    }

    @Test(
        "the parent may be the server, an agent or any path of the trust domain",
        arguments: ["/spire/server", "/spire/agent/join_token/abc", "/node"])
    func parents(path: String) throws {
        #expect(try self.validated { $0.parentID?.path = path }.parentID == Fixture.id(path))
    }

    @Test("a path that merely begins like the reserved one is accepted")
    func notReserved() throws {
        #expect(try self.validated { $0.spiffeID?.path = "/spirex" }.spiffeID == Fixture.id("/spirex"))
    }

    @Test("an entry is what its draft says again")
    func roundTrip() throws {
        let content = try self.validated { draft in
            draft.x509SVIDTTLSeconds = 60
            draft.federatesWith = ["other.test"]
            draft.expiresAtSeconds = 1_900_000_000
            draft.dnsNames = ["db"]
        }
        let entry = RegistrationEntry(id: "one", content: content, createdAt: Fixture.createdAt)
        let draft = EntryDraft(entry)
        #expect(try draft.validatedID() == "one")
        #expect(
            try draft.validated(trustDomain: Fixture.trustDomain(), bundles: [Fixture.trustDomain("other.test")])
                == content)
    }
}

@Suite("Entry ids", .timeLimit(.minutes(1)))
struct EntryIDTests {
    private func validated(_ id: String) throws -> String? {
        var draft = EntryDraft()
        draft.id = id
        return try draft.validatedID()
    }

    @Test("an empty id leaves the choice to the server")
    func empty() throws {
        #expect(try self.validated("") == nil)
    }

    @Test(
        "letters, digits, dots, underscores and hyphens make an id of up to 255 bytes",
        arguments: ["a", "A.b_c-9", String(repeating: "x", count: 255)])
    func accepted(id: String) throws {
        #expect(try self.validated(id) == id)
    }

    @Test("another byte is refused", arguments: ["a b", "a/b", "\u{E9}", "a\0"])
    func invalid(id: String) {
        #expect(throws: (any Error).self) { try self.validated(id) }
    }

    @Test("256 bytes are too many")
    func tooLong() {
        #expect(throws: RegistrationError.tooLong(.id, bytes: 256, limit: 255)) {
            try self.validated(String(repeating: "x", count: 256))
        }
    }

    @Test("the server's own prefix is refused in any case of letters", arguments: ["signet-x", "SIGNET-x"])
    func reserved(id: String) {
        #expect(throws: RegistrationError.reservedEntryID(prefix: "signet-")) { try self.validated(id) }
    }
}
