import FoundationEssentials
import GRPCCore
import Logging
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

/// A Workload API that sends what it should not: the message is discarded, the last good state holds, and the stream is
/// read on.
@Suite("WAPI-16: what a Workload API should not send", .timeLimit(.minutes(1)))
struct RubbishTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    static let web = "spiffe://example.org/web"

    /// Sends a good message, a bad one and another good one, and returns what the client made of the bad one.
    private func discarded(_ bad: X509SVIDResponse) async throws -> WorkloadAPIError? {
        self.api.x509(
            .send(try self.authority.x509Response("spiffe://example.org/1")), .send(bad),
            .send(try self.authority.x509Response("spiffe://example.org/2")), .hold)
        let paths = Recorded<String>()
        let errors = Recorded<WorkloadAPIError>()
        struct Enough: Error {}
        await #expect(throws: Enough.self) {
            try await self.api.serve { () async throws in
                try await self.api.client().follow(.x509Context) { update in
                    switch update {
                    case .received(let context): paths.append(context.svids[0].id.path)
                    case .discarded(let error): errors.append(error)
                    case .interrupted(let error), .withdrawn(let error): Issue.record(error)
                    }
                    if paths.values.count + errors.values.count == 3 { throw Enough() }
                }
            }
        }
        #expect(paths.values == ["/1", "/2"])
        #expect(self.api.calls.count == 1)
        return errors.values.first
    }

    @Test("bytes that are no message")
    func undecodable() async throws {
        let error = try await self.discarded(X509SVIDResponse.undecodable)
        #expect(error == .invalidMessage(.undecodable))
    }

    @Test("an expired SVID")
    func expired() async throws {
        let svid = try self.authority.x509SVID(id: Self.web, lifetime: .seconds(-30))
        let error = X509SVIDError.expired(position: 0, notAfter: self.authority.now.addingTimeInterval(-30))
        #expect(
            try await self.discarded(.with([self.authority.message(of: svid)]))
                == .invalidMessage(.invalidX509SVID(id(Self.web), error)))
    }

    @Test("an SVID that another authority of the trust domain issued than those it is sent with")
    func foreign() async throws {
        let stranger = try TestAuthority(trustDomain: "example.org")
        let svid = try stranger.x509Message(Self.web) { $0.bundle = self.authority.bundleData }
        #expect(
            try await self.discarded(.with([svid]))
                == .invalidMessage(.invalidX509SVID(id(Self.web), .invalidSignature(position: 0))))
    }

    @Test("a key that is another SVID's")
    func otherKey() async throws {
        let other = try self.authority.x509SVID(id: Self.web)
        let svid = try self.authority.x509Message(Self.web) { $0.x509SvidKey = Data(other.privateKeyPKCS8DER) }
        let error = try await self.discarded(.with([svid]))
        #expect(error == .invalidMessage(.malformedX509SVID(id(Self.web), .privateKeyMismatch)))
    }

    @Test("ten thousand SVIDs")
    func many() async throws {
        let many = X509SVIDResponse.with(Array(repeating: WorkloadAPIProtos.X509SVID(), count: 10_000))
        #expect(try await self.discarded(many) == .invalidMessage(.tooMany(field: "svids", limit: 1_000)))
    }

    @Test("bytes that are no message, in answer to a single call, are no INVALID_ARGUMENT")
    func unary() async throws {
        self.api.jwtSVID { _ in
            var response = JWTSVIDResponse()
            response.unknownFields = try X509SVIDResponse.undecodable.unknownFields
            return response
        }
        await #expect(throws: WorkloadAPIError.invalidMessage(.undecodable)) {
            try await self.api.serve { try await self.api.client().fetchJWTSVIDs(audience: ["db"]) }
        }
    }

    @Test("a token that has expired")
    func expiredToken() async throws {
        let expired = try self.authority.jwtMessage(Self.web, audience: ["db"], lifetime: .seconds(0))
        self.api.jwtSVID { _ in .with([expired]) }
        await #expect(
            throws: WorkloadAPIError.invalidMessage(.malformedJWTSVID(id(Self.web), .expired(self.authority.now)))
        ) { try await self.api.serve { try await self.api.client().fetchJWTSVIDs(audience: ["db"]) } }
    }
}

extension X509SVIDResponse {
    /// A field 1 that would be an SVID, and is no message at all.
    static var undecodable: X509SVIDResponse {
        get throws {
            var response = X509SVIDResponse()
            response.unknownFields = try Google_Protobuf_Empty(serializedBytes: [0x0A, 0x01, 0xFF] as [UInt8])
                .unknownFields
            return response
        }
    }
}
