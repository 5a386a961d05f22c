import FoundationEssentials
import SPIFFE
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

/// What a client makes of one response of FetchX509SVID.
@Suite("SPIFFE Workload API §5.2.1: X509-SVID responses", .timeLimit(.minutes(1)))
struct X509MessageTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    static let web = "spiffe://example.org/web"

    private func fetch(_ response: X509SVIDResponse) async throws -> X509Context {
        self.api.x509(.send(response), .hold)
        return try await self.api.serve { try await self.api.client().fetchX509Context() }
    }

    private func expect(_ error: WorkloadAPIMessageError, for response: X509SVIDResponse) async {
        await #expect(throws: WorkloadAPIError.invalidMessage(error)) { try await self.fetch(response) }
    }

    @Test("WAPI-70: the SVIDs keep the server's order, the first is the default identity")
    func order() async throws {
        let names = ["c", "a", "b"].map { "spiffe://example.org/\($0)" }
        let context = try await self.fetch(.with(names.map { try self.authority.x509Message($0) }))
        #expect(context.svids.map(\.id.uri) == names)
        #expect(try context.identity(.first).svid.id.uri == "spiffe://example.org/c")
        #expect(context.bundles == TrustBundles([self.x509Bundle]))
    }

    /// The bundle as it comes over the Workload API.
    private var x509Bundle: TrustBundle {
        TrustBundle(trustDomain: self.authority.trustDomain, x509Authorities: self.authority.bundle.x509Authorities)
    }

    @Test("WAPI-22: its bundles hold no JWT authorities")
    func noJWTAuthorities() async throws {
        let context = try await self.fetch(self.authority.x509Response(Self.web))
        #expect(context.bundles.all.allSatisfy { $0.jwtAuthorities.isEmpty })
    }

    @Test("WAPI-23: a response without SVIDs is an error")
    func noSVIDs() async {
        await self.expect(.missing(field: "svids"), for: .with([]))
    }

    @Test(
        "WAPI-16: an SVID with an empty mandatory field is an error",
        arguments: ["spiffe_id", "x509_svid", "x509_svid_key", "bundle"])
    func emptyField(_ field: String) async throws {
        let svid = try self.authority.x509Message(Self.web) { svid in
            switch field {
            case "spiffe_id": svid.spiffeID = ""
            case "x509_svid": svid.x509Svid = Data()
            case "x509_svid_key": svid.x509SvidKey = Data()
            default: svid.bundle = Data()
            }
        }
        await self.expect(.missing(field: "svids.\(field)"), for: .with([svid]))
    }

    @Test("WAPI-16: one bad SVID spoils the whole message")
    func oneBadSVID() async throws {
        let bad = try self.authority.x509Message("spiffe://example.org/bad") { $0.x509SvidKey = Data() }
        await self.expect(
            .missing(field: "svids.x509_svid_key"), for: .with([try self.authority.x509Message(Self.web), bad]))
    }

    @Test("WAPI-18: intermediates may follow the leaf")
    func intermediate() async throws {
        let intermediate = try self.authority.intermediate()
        let svid = self.authority.message(of: try intermediate.x509SVID(id: Self.web))
        let context = try await self.fetch(.with([svid]))
        #expect(context.svids[0].certificates.count == 2)
    }

    @Test("WAPI-18: an intermediate before the leaf is an error")
    func wrongOrder() async throws {
        let svid = try self.authority.intermediate().x509SVID(id: Self.web)
        let message = self.authority.message(of: svid) { message in
            let reversed = TrustBundle(
                trustDomain: svid.id.trustDomain, x509Authorities: svid.certificates.reversed())
            message.x509Svid = Data(reversed.x509AuthoritiesDER())
        }
        await self.expect(.malformedX509SVID(id(Self.web), .leafIsCA), for: .with([message]))
    }

    @Test("WAPI-20: a key that is PEM text, or nothing that is PKCS#8, is an error")
    func keyForm() async throws {
        let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
        for bytes in [Data(pem.utf8), Data([1, 2, 3])] {
            let svid = try self.authority.x509Message(Self.web) { $0.x509SvidKey = bytes }
            await self.expect(.malformedX509SVID(id(Self.web), .malformedPrivateKey), for: .with([svid]))
        }
    }

    @Test("WAPI-20: a key of another certificate is an error")
    func otherKey() async throws {
        let other = try self.authority.x509SVID(id: Self.web).privateKeyPKCS8DER
        let svid = try self.authority.x509Message(Self.web) { $0.x509SvidKey = Data(other) }
        await self.expect(.malformedX509SVID(id(Self.web), .privateKeyMismatch), for: .with([svid]))
    }

    @Test("WAPI-21: certificates and bundles in PEM are an error")
    func pem() async throws {
        let pem = Data("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
        let svid = try self.authority.x509Message(Self.web) { $0.x509Svid = pem }
        await self.expect(
            .malformedX509SVID(id(Self.web), .malformedCertificate(position: 0)), for: .with([svid]))
        let bundle = try self.authority.x509Message(Self.web) { $0.bundle = pem }
        await self.expect(
            .malformedBundle(self.authority.trustDomain, .malformedCertificate(index: 0)), for: .with([bundle]))
    }

    @Test("WAPI-26: of SVIDs with the same hint the first counts, empty hints are no hints")
    func hints() async throws {
        let svids = try [("foo", "internal"), ("bar", "external"), ("baz", "internal"), ("e1", ""), ("e2", "")].map {
            try self.authority.x509Message("spiffe://example.org/\($0)", hint: $1)
        }
        let context = try await self.fetch(.with(svids))
        #expect(context.svids.map(\.id.path) == ["/foo", "/bar", "/e1", "/e2"])
        #expect(try context.identity(.hint("internal")).svid.id.path == "/foo")
    }

    @Test("WAPI-72: a hint that no SVID has is an error, not another SVID")
    func missingHint() async throws {
        let context = try await self.fetch(self.authority.x509Response(Self.web))
        #expect(throws: WorkloadAPIError.noSuchSVID(.hint("internal"))) { try context.identity(.hint("internal")) }
        #expect(throws: WorkloadAPIError.noSuchSVID(.spiffeID(id("spiffe://example.org/db")))) {
            try context.identity(.spiffeID(id("spiffe://example.org/db")))
        }
    }

    @Test("WAPI-71: a hint above 1024 bytes is an error")
    func longHint() async throws {
        _ = try await self.fetch(
            .with([try self.authority.x509Message(Self.web, hint: String(repeating: "h", count: 1_024))]))
        let svid = try self.authority.x509Message(Self.web, hint: String(repeating: "h", count: 1_025))
        await self.expect(.tooMany(field: "svids.hint", limit: 1_024), for: .with([svid]))
    }

    @Test("WAPI-73: an SVID that proves another SPIFFE ID than the message names is an error")
    func mismatch() async throws {
        let svid = try self.authority.x509Message(Self.web) { $0.spiffeID = "spiffe://example.org/db" }
        await self.expect(
            .spiffeIDMismatch(named: id("spiffe://example.org/db"), proved: id(Self.web)), for: .with([svid]))
    }

    @Test("a SPIFFE ID that cannot be parsed is an error")
    func malformedID() async throws {
        let svid = try self.authority.x509Message(Self.web) { $0.spiffeID = "example.org/web" }
        await #expect(throws: WorkloadAPIError.self) { try await self.fetch(.with([svid])) }
    }

    @Test(
        "WAPI-74: bundles are named by SPIFFE ID or by bare name",
        arguments: ["spiffe://foreign.test", "foreign.test"])
    func bundleNames(_ name: String) async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        let context = try await self.fetch(
            self.authority.x509Response(Self.web, federated: [name: foreign.bundleData]))
        #expect(context.bundles[foreign.trustDomain]?.x509Authorities == foreign.bundle.x509Authorities)
        #expect(context.bundles.all.count == 2)
    }

    @Test("WAPI-74: a bundle named by an ID with a path is an error")
    func bundleNameWithPath() async throws {
        let response = try self.authority.x509Response(
            Self.web, federated: ["spiffe://foreign.test/path": Data()])
        await self.expect(.bundleNamedByPath(id("spiffe://foreign.test/path")), for: response)
    }

    @Test("WAPI-75: a federated bundle of zero bytes is a bundle without authorities")
    func emptyBundle() async throws {
        let foreign = trustDomain("foreign.test")
        let context = try await self.fetch(
            self.authority.x509Response(Self.web, federated: ["spiffe://foreign.test": Data()]))
        #expect(context.bundles[foreign] == TrustBundle(trustDomain: foreign))
    }

    @Test("two bundles for one trust domain that differ in their order only are one")
    func otherOrder() async throws {
        let older = try TestAuthority(trustDomain: "example.org")
        let svids = try [
            self.authority.x509Message(Self.web) { $0.bundle += older.bundleData },
            self.authority.x509Message("spiffe://example.org/b") { $0.bundle = older.bundleData + $0.bundle },
        ]
        let bundle = try #require(try await self.fetch(.with(svids)).bundles[self.authority.trustDomain])
        #expect(bundle.x509Authorities == self.authority.bundle.x509Authorities + older.bundle.x509Authorities)
    }

    @Test("two different bundles for one trust domain are an error")
    func contradiction() async throws {
        let impostor = try TestAuthority(trustDomain: "example.org")
        let response = try self.authority.x509Response(
            Self.web, federated: ["spiffe://example.org": impostor.bundleData])
        await self.expect(.contradictoryBundles(self.authority.trustDomain), for: response)
    }

    @Test("more SVIDs than the limit are an error")
    func tooManySVIDs() async {
        let svids = Array(repeating: WorkloadAPIProtos.X509SVID(), count: WorkloadAPILimits.maxSVIDs + 1)
        await self.expect(.tooMany(field: "svids", limit: WorkloadAPILimits.maxSVIDs), for: .with(svids))
    }

    @Test("a message above the limit fails the call")
    func tooLarge() async throws {
        var response = try self.authority.x509Response(Self.web)
        response.crl = [Data(count: WorkloadAPILimits.maxMessageBytes)]
        await #expect(throws: WorkloadAPIError.self) { try await self.fetch(response) }
    }
}
