import ControlPlaneProtos
import Foundation
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

/// Encodings made by another implementation from the descriptors of the standards: an independent oracle.
@Suite("Golden encodings", .timeLimit(.minutes(1)))
struct GoldenEncodingTests {
    private func expect<M: Message & Equatable>(_ message: M, encodes hex: String) throws {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        let expected = try #require([UInt8](hex: hex))
        let encoded: [UInt8] = try message.serializedBytes(options: options)
        #expect(encoded == expected)
        #expect(try M(serializedBytes: expected) == message)
    }

    @Test("an empty X509SVIDRequest has no bytes")
    func emptyRequest() throws {
        try self.expect(X509SVIDRequest(), encodes: "")
    }

    @Test("JWTSVIDRequest")
    func jwtSVIDRequest() throws {
        try self.expect(
            JWTSVIDRequest.with {
                $0.audience = ["reports"]
                $0.spiffeID = "spiffe://example.org/web"
            },
            encodes: """
                0A 07 72 65 70 6F 72 74 73 12 18 73 70 69 66 66 65 3A 2F 2F 65 78 61 6D 70 6C 65 2E 6F 72 67 2F 77 65 62
                """)
    }

    @Test("WITSVIDRequest")
    func witSVIDRequest() throws {
        try self.expect(
            WITSVIDRequest.with { $0.spiffeID = "spiffe://example.org/web" },
            encodes: "0A 18 73 70 69 66 66 65 3A 2F 2F 65 78 61 6D 70 6C 65 2E 6F 72 67 2F 77 65 62")
    }

    @Test("ValidateJWTSVIDRequest")
    func validateJWTSVIDRequest() throws {
        try self.expect(
            ValidateJWTSVIDRequest.with {
                $0.audience = "reports"
                $0.svid = "a.b.c"
            },
            encodes: "0A 07 72 65 70 6F 72 74 73 12 05 61 2E 62 2E 63")
    }

    @Test("X509SVIDResponse")
    func x509SVIDResponse() throws {
        try self.expect(
            X509SVIDResponse.with {
                $0.svids = [
                    .with {
                        $0.spiffeID = "spiffe://example.org/web"
                        $0.x509Svid = Data([0x30, 0x00])
                        $0.x509SvidKey = Data([0x30, 0x01])
                        $0.bundle = Data([0x30, 0x02])
                        $0.hint = "internal"
                    }
                ]
                $0.crl = [Data([0x30, 0x03])]
                $0.federatedBundles = ["spiffe://foreign.test": Data([0x30, 0x04])]
            },
            encodes: """
                0A 30 0A 18 73 70 69 66 66 65 3A 2F 2F 65 78 61 6D 70 6C 65 2E 6F 72 67 2F 77 65 62 12 02 30 00 1A 02 30 01
                22 02 30 02 2A 08 69 6E 74 65 72 6E 61 6C 12 02 30 03 1A 1B 0A 15 73 70 69 66 66 65 3A 2F 2F 66 6F 72 65 69
                67 6E 2E 74 65 73 74 12 02 30 04
                """)
    }

    private static let bundlesHex = """
        0A 23 0A 14 73 70 69 66 66 65 3A 2F 2F 65 78 61 6D 70 6C 65 2E 6F 72 67 12 0B 7B 22 6B 65 79 73 22 3A 5B 5D 7D
        """

    @Test("JWTBundlesResponse holds bytes")
    func jwtBundlesResponse() throws {
        try self.expect(
            JWTBundlesResponse.with { $0.bundles = ["spiffe://example.org": Data(#"{"keys":[]}"#.utf8)] },
            encodes: Self.bundlesHex)
    }

    @Test("WITBundlesResponse holds strings, which look the same")
    func witBundlesResponse() throws {
        try self.expect(
            WITBundlesResponse.with { $0.bundles = ["spiffe://example.org": #"{"keys":[]}"#] },
            encodes: Self.bundlesHex)
    }

    @Test("ValidateJWTSVIDResponse holds claims as a Struct")
    func validateJWTSVIDResponse() throws {
        try self.expect(
            ValidateJWTSVIDResponse.with {
                $0.spiffeID = "spiffe://example.org/web"
                $0.claims.fields = [
                    "aud": .with { $0.listValue.values = [.with { $0.stringValue = "reports" }] },
                    "exp": .with { $0.numberValue = 4_102_444_800 },
                ]
            },
            encodes: """
                0A 18 73 70 69 66 66 65 3A 2F 2F 65 78 61 6D 70 6C 65 2E 6F 72 67 2F 77 65 62 12 28 0A 14 0A 03 61 75 64 12
                0D 32 0B 0A 09 1A 07 72 65 70 6F 72 74 73 0A 10 0A 03 65 78 70 12 09 11 00 00 00 E0 CA 90 EE 41
                """)
    }

    @Test("AttestAgentRequest with a join token")
    func attestAgentRequest() throws {
        try self.expect(
            Spire_Api_Server_Agent_V1_AttestAgentRequest.with {
                $0.params.data.type = "join_token"
                $0.params.data.payload = Data("tok".utf8)
                $0.params.params.csr = Data([0x30, 0x00])
            },
            encodes: "0A 19 0A 11 0A 0A 6A 6F 69 6E 5F 74 6F 6B 65 6E 12 03 74 6F 6B 12 04 0A 02 30 00")
    }

    @Test("Entry with additional attributes")
    func entry() throws {
        try self.expect(
            Spire_Api_Types_Entry.with {
                $0.spiffeID = .with { ($0.trustDomain, $0.path) = ("example.org", "/web") }
                $0.parentID = .with { ($0.trustDomain, $0.path) = ("example.org", "/spire/agent/x") }
                $0.selectors = [.with { ($0.type, $0.value) = ("unix", "uid:1000") }]
                $0.additionalAttributes.jwtSvidIncludeJti = true
            },
            encodes: """
                12 13 0A 0B 65 78 61 6D 70 6C 65 2E 6F 72 67 12 04 2F 77 65 62 1A 1D 0A 0B 65 78 61 6D 70 6C 65 2E 6F 72 67
                12 0E 2F 73 70 69 72 65 2F 61 67 65 6E 74 2F 78 22 10 0A 04 75 6E 69 78 12 08 75 69 64 3A 31 30 30 30 82 01
                02 10 01
                """)
    }

    @Test("PermissionDeniedDetails")
    func permissionDeniedDetails() throws {
        try self.expect(
            Spire_Api_Types_PermissionDeniedDetails.with { $0.reason = .agentMustReattest }, encodes: "08 05")
    }
}
