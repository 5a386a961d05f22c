import FoundationEssentials
import GRPCCore
import JOSE
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

@Suite("Calls of the Workload API", .timeLimit(.minutes(1)))
struct WorkloadAPIClientTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    static let web = "spiffe://example.org/web"

    @Test(
        "WEP-04, WEP-07, WEP-32, WAPI-05: every call is one of the Workload API's, with workload.spiffe.io: true, once")
    func header() async throws {
        self.api.x509(.send(try self.authority.x509Response(Self.web)), .hold)
        self.api.x509Bundles(.send(.with(["spiffe://example.org": self.authority.bundleData])), .hold)
        self.api.jwtBundles(.send(.with(["spiffe://example.org": self.authority.keySetData])), .hold)
        self.api.jwtSVID { [authority] in .with([try authority.jwtMessage(Self.web, audience: $0.audience)]) }
        self.api.validation { _ in .valid(Self.web) }
        try await self.api.serve {
            let client = try self.api.client()
            _ = try await client.fetchX509Context()
            _ = try await client.fetchX509Bundles()
            _ = try await client.fetchJWTBundles()
            _ = try await client.fetchJWTSVIDs(audience: ["db"])
            _ = try await client.validateJWTSVID("token", audience: "web")
        }
        let names = ["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles", "FetchJWTSVID", "ValidateJWTSVID"]
        #expect(self.api.calls == names.map { .init(path: "/SpiffeWorkloadAPI/\($0)", header: ["true"]) })
    }

    @Test("WAPI-30, WAPI-31: X.509 bundles hold X.509 authorities only")
    func x509Bundles() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        self.api.x509Bundles(
            .send(
                .with([
                    "spiffe://example.org": self.authority.bundleData, "spiffe://foreign.test": foreign.bundleData,
                ])))
        let bundles = try await self.api.serve { try await self.api.client().fetchX509Bundles() }
        #expect(bundles.all.map(\.trustDomain.name) == ["example.org", "foreign.test"])
        #expect(bundles[foreign.trustDomain]?.x509Authorities == foreign.bundle.x509Authorities)
        #expect(bundles.all.allSatisfy { $0.jwtAuthorities.isEmpty })
    }

    @Test("WAPI-31: a response without X.509 bundles is an error")
    func noX509Bundles() async throws {
        self.api.x509Bundles(.send(.with([:])))
        await #expect(throws: WorkloadAPIError.invalidMessage(.missing(field: "bundles"))) {
            try await self.api.serve { try await self.api.client().fetchX509Bundles() }
        }
    }

    @Test("WAPI-42, WAPI-43: JWT bundles hold JWT authorities only, whether or not their keys say what they are for")
    func jwtBundles() async throws {
        let bare = self.withoutUse(self.authority.keySetData)
        for document in [self.authority.keySetData, bare, Data(self.authority.bundle.document())] {
            let api = try ScriptedWorkloadAPI()
            api.jwtBundles(.send(.with(["spiffe://example.org": document])))
            let bundles = try await api.serve { try await api.client().fetchJWTBundles() }
            let bundle = try #require(bundles[self.authority.trustDomain])
            #expect(bundle.jwtAuthorities.map(\.keyID) == [self.authority.jwtKeyID])
            #expect(bundle.x509Authorities.isEmpty)
        }
    }

    private func withoutUse(_ keySet: Data) -> Data {
        let text = String(decoding: keySet, as: UTF8.self)
        #expect(text.contains("\"use\""))
        return Data(text.replacing(#""use":"jwt-svid","#, with: "").utf8)
    }

    @Test("WAPI-43: a JWT bundle without keys is a bundle, a response without bundles is an error")
    func emptyJWTBundles() async throws {
        self.api.jwtBundles(.send(.with(["spiffe://example.org": Data(#"{"keys":[]}"#.utf8)])))
        self.api.jwtBundles(.send(.with([:])))
        try await self.api.serve {
            let bundles = try await self.api.client().fetchJWTBundles()
            #expect(bundles.all == [TrustBundle(trustDomain: self.authority.trustDomain)])
            await #expect(throws: WorkloadAPIError.invalidMessage(.missing(field: "bundles"))) {
                try await self.api.client().fetchJWTBundles()
            }
        }
    }

    @Test(
        "the status of a failed call is told apart",
        arguments: [
            (.permissionDenied, .permissionDenied("no")), (.invalidArgument, .invalidArgument("no")),
            (.unimplemented, .unimplemented("no")), (.unavailable, .unavailable("no")),
            (.internalError, .failed(status: 13, message: "no")),
        ] as [(RPCError.Code, WorkloadAPIError)])
    func status(code: RPCError.Code, error: WorkloadAPIError) async throws {
        self.api.x509(.fail(code, "no"))
        await #expect(throws: error) {
            try await self.api.serve { try await self.api.client().fetchX509Context() }
        }
        #expect(self.api.calls.count == 1)
    }

    @Test("WAPI-27, WEP-25: without an identity the server's words are passed on")
    func denied() async throws {
        self.api.x509(.fail(.permissionDenied, "no registration entry matches: unix:uid:1000"))
        await #expect(throws: WorkloadAPIError.permissionDenied("no registration entry matches: unix:uid:1000")) {
            try await self.api.serve { try await self.api.client().fetchX509Context() }
        }
    }

    @Test("a Workload API that is not there is unavailable")
    func unreachable() async throws {
        do {
            _ = try await self.api.client().fetchX509Context()
            Issue.record("there was an answer")
        } catch WorkloadAPIError.unavailable {}
    }

    @Test("a stream that ends without a message is unavailable")
    func emptyStream() async throws {
        self.api.x509()
        await #expect(throws: WorkloadAPIError.unavailable("the server ended the stream")) {
            try await self.api.serve { try await self.api.client().fetchX509Context() }
        }
    }

    @Test("a Workload API that does not answer in time")
    func timeout() async throws {
        self.api.x509(.hold)
        try await self.api.serve {
            let client = WorkloadAPIClient(
                address: try WorkloadAPIAddress(socketPath: self.api.socketPath), timeout: .milliseconds(50))
            await #expect(throws: WorkloadAPIError.timedOut) { try await client.fetchX509Context() }
        }
    }
}

@Suite("SPIFFE Workload API §6: JWT-SVIDs", .timeLimit(.minutes(1)))
struct JWTSVIDCallTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    static let web = "spiffe://example.org/web"

    private func fetch(
        audience: [String] = ["db"], spiffeID: SPIFFEID? = nil,
        _ answer: @escaping @Sendable (JWTSVIDRequest) throws -> JWTSVIDResponse
    ) async throws -> [SPIFFE.JWTSVID] {
        self.api.jwtSVID { try answer($0) }
        return try await self.api.serve {
            try await self.api.client().fetchJWTSVIDs(audience: audience, spiffeID: spiffeID)
        }
    }

    private func expect(
        _ error: WorkloadAPIMessageError, for response: JWTSVIDResponse, spiffeID: SPIFFEID? = nil
    ) async {
        await #expect(throws: WorkloadAPIError.invalidMessage(error)) {
            try await self.fetch(spiffeID: spiffeID) { _ in response }
        }
    }

    @Test("WAPI-35, WAPI-36: audience and SPIFFE ID are sent as they were given")
    func request() async throws {
        let requests = Recorded<JWTSVIDRequest>()
        let svids = try await self.fetch(audience: ["b", "a"], spiffeID: id(Self.web)) { [authority] request in
            requests.append(request)
            return .with([try authority.jwtMessage(Self.web, audience: request.audience)])
        }
        #expect(requests.values.map(\.audience) == [["b", "a"]])
        #expect(requests.values.map(\.spiffeID) == [Self.web])
        #expect(svids.map(\.id.uri) == [Self.web])
        #expect(svids.map(\.audience) == [["b", "a"]])
    }

    @Test(
        "JWT-12, WAPI-35: without an audience nothing is asked for, whatever the server would answer",
        arguments: [[], [""], ["db", ""]] as [[String]])
    func noAudience(_ audience: [String]) async throws {
        self.api.jwtSVID { [authority] _ in .with([try authority.jwtMessage(Self.web, audience: ["db", ""])]) }
        try await self.api.serve { () async throws in
            await #expect(throws: WorkloadAPIError.invalidArgument("an audience is missing or empty")) {
                try await self.api.client().fetchJWTSVIDs(audience: audience)
            }
        }
        #expect(self.api.calls.isEmpty)
    }

    @Test("JWT-34, WAPI-51: no token is validated for no audience")
    func noExpectedAudience() async throws {
        self.api.validation { _ in .valid(Self.web) }
        try await self.api.serve { () async throws in
            await #expect(throws: WorkloadAPIError.invalidArgument("an audience is missing or empty")) {
                try await self.api.client().validateJWTSVID("t", audience: "")
            }
        }
        #expect(self.api.calls.isEmpty)
    }

    @Test("WAPI-37, WAPI-70: without a SPIFFE ID there is a token for each identity, in the server's order")
    func all() async throws {
        let names = ["b", "a"].map { "spiffe://example.org/\($0)" }
        let svids = try await self.fetch { [authority] request in
            #expect(request.spiffeID.isEmpty)
            return .with(try names.map { try authority.jwtMessage($0, audience: request.audience) })
        }
        #expect(svids.map(\.id.uri) == names)
    }

    @Test("WAPI-38: a response without SVIDs is an error")
    func none() async {
        await self.expect(.missing(field: "svids"), for: .with([]))
    }

    @Test("WAPI-40: of SVIDs with the same hint the first counts")
    func hints() async throws {
        let svids = try await self.fetch { [authority] request in
            .with(
                try [("foo", "internal"), ("bar", "internal"), ("e1", ""), ("e2", "")].map {
                    try authority.jwtMessage("spiffe://example.org/\($0)", audience: request.audience, hint: $1)
                })
        }
        #expect(svids.map(\.id.path) == ["/foo", "/e1", "/e2"])
        #expect(svids.map(\.hint) == ["internal", "", ""])
    }

    @Test("WAPI-16: a token without SPIFFE ID, and an empty token, are errors")
    func emptyFields() async throws {
        var nameless = try self.authority.jwtMessage(Self.web, audience: ["db"])
        nameless.spiffeID = ""
        await self.expect(.missing(field: "svids.spiffe_id"), for: .with([nameless]))
        var empty = try self.authority.jwtMessage(Self.web, audience: ["db"])
        empty.svid = ""
        await self.expect(.missing(field: "svids.svid"), for: .with([empty]))
    }

    @Test("WAPI-73: a token whose subject is another SPIFFE ID than the message names is an error")
    func mismatch() async throws {
        var svid = try self.authority.jwtMessage(Self.web, audience: ["db"])
        svid.spiffeID = "spiffe://example.org/other"
        await self.expect(
            .spiffeIDMismatch(named: id("spiffe://example.org/other"), proved: id(Self.web)), for: .with([svid]))
    }

    @Test("WAPI-36: a token of another identity than the one asked for is an error")
    func otherIdentity() async throws {
        let svid = try self.authority.jwtMessage(Self.web, audience: ["db"])
        await self.expect(
            .unexpectedSPIFFEID(id(Self.web)), for: .with([svid]), spiffeID: id("spiffe://example.org/other"))
    }

    @Test("WAPI-35: a token for another audience than the one asked for is an error")
    func otherAudience() async throws {
        let svid = try self.authority.jwtMessage(Self.web, audience: ["cache"])
        await self.expect(.audienceMismatch(id(Self.web)), for: .with([svid]))
    }

    @Test("WAPI-41: no identity, or not the requested one")
    func denied() async throws {
        await #expect(throws: WorkloadAPIError.permissionDenied("no")) {
            try await self.fetch { _ in throw RPCError(code: .permissionDenied, message: "no") }
        }
    }

    @Test("WAPI-49: the server's claims are returned, whole numbers as whole numbers")
    func claims() async throws {
        let requests = Recorded<ValidateJWTSVIDRequest>()
        self.api.validation { request in
            requests.append(request)
            return .valid(Self.web)
        }
        let validated = try await self.api.serve {
            try await self.api.client().validateJWTSVID("the.tok.en", audience: "db")
        }
        #expect(requests.values.map(\.audience) == ["db"])
        #expect(requests.values.map(\.svid) == ["the.tok.en"])
        #expect(validated.id == id(Self.web))
        let expected: JSONObject = [
            "aud": ["db"], "exp": 4_102_444_800, "nested": ["admin": true, "nothing": nil],
            "sub": "spiffe://example.org/web",
        ]
        #expect(validated.claims == expected)
    }

    @Test("WAPI-48: a token that is not valid is refused in the server's words")
    func invalid() async throws {
        self.api.validation { _ in throw RPCError(code: .invalidArgument, message: "token has expired") }
        await #expect(throws: WorkloadAPIError.invalidArgument("token has expired")) {
            try await self.api.serve { try await self.api.client().validateJWTSVID("t", audience: "db") }
        }
    }

    @Test("WAPI-51: a validation without SPIFFE ID, without claims, or whose claims name another subject is an error")
    func mandatory() async throws {
        var nameless = ValidateJWTSVIDResponse.valid(Self.web)
        nameless.spiffeID = ""
        var claimless = ValidateJWTSVIDResponse.valid(Self.web)
        claimless.clearClaims()
        var other = ValidateJWTSVIDResponse.valid(Self.web)
        other.spiffeID = "spiffe://example.org/other"
        var infinite = ValidateJWTSVIDResponse.valid(Self.web)
        infinite.claims.fields["exp"] = Google_Protobuf_Value(numberValue: .infinity)
        let cases: [(ValidateJWTSVIDResponse, WorkloadAPIMessageError)] = [
            (nameless, .missing(field: "spiffe_id")), (claimless, .missing(field: "claims")),
            (other, .malformedClaims), (infinite, .malformedClaims),
        ]
        for (response, _) in cases { self.api.validation { _ in response } }
        try await self.api.serve {
            for (_, error) in cases {
                await #expect(throws: WorkloadAPIError.invalidMessage(error)) {
                    try await self.api.client().validateJWTSVID("t", audience: "db")
                }
            }
        }
    }
}

extension ValidateJWTSVIDResponse {
    static func valid(_ id: String) -> ValidateJWTSVIDResponse {
        var response = ValidateJWTSVIDResponse()
        response.spiffeID = id
        response.claims.fields = [
            "sub": Google_Protobuf_Value(stringValue: id),
            "aud": Google_Protobuf_Value(listValue: ["db"]),
            "exp": Google_Protobuf_Value(numberValue: 4_102_444_800),
            "nested": Google_Protobuf_Value(
                structValue: Google_Protobuf_Struct(fields: [
                    "admin": Google_Protobuf_Value(boolValue: true), "nothing": nil,
                ])),
        ]
        return response
    }
}
