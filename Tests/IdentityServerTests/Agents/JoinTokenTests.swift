import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("making join tokens", .timeLimit(.minutes(1)))
struct JoinTokenTests {
    private func creation(
        _ plane: ControlPlaneUnderTest,
        _ change: @Sendable (inout Spire_Api_Server_Agent_V1_CreateJoinTokenRequest) -> Void
    ) async throws -> Spire_Api_Types_JoinToken {
        let request = Spire_Api_Server_Agent_V1_CreateJoinTokenRequest.with {
            $0.ttl = 600; change(&$0)
        }
        return try await plane.local { try await $0.call(AgentMethods.createJoinToken, request) }
    }

    @Test("a token is a random UUID and says when it expires")
    func randomToken() async throws {
        try await withControlPlane { plane async throws in
            let one = try await self.creation(plane) { $0.ttl = 90 }
            let two = try await self.creation(plane) { $0.ttl = 90 }
            #expect(UUID(uuidString: one.value) != nil)
            #expect(one.value != two.value)
            #expect(one.expiresAt == Int64(plane.time.now.timeIntervalSince1970) + 90)
        }
    }

    @Test("a value of one's own is kept")
    func ownValue() async throws {
        try await withControlPlane { plane async throws in
            #expect(try await self.creation(plane) { $0.token = "build-farm-7" }.value == "build-farm-7")
            #expect(try await plane.attest(token: "build-farm-7").id.path == "/spire/agent/join_token/build-farm-7")
        }
    }

    @Test("a value that is in use is refused")
    func duplicate() async throws {
        try await withControlPlane { plane async throws in
            _ = try await self.creation(plane) { $0.token = "twice" }
            #expect(
                try await refusal { try await self.creation(plane) { $0.token = "twice" } }
                    == Refusal(.alreadyExists, "join token already exists"))
        }
    }

    @Test("a token without a lifetime is refused", arguments: [0, -1] as [Int32])
    func ttlRequired(ttl: Int32) async throws {
        try await withControlPlane { plane async throws in
            #expect(
                try await refusal { try await self.creation(plane) { $0.ttl = ttl } }
                    == Refusal(.invalidArgument, "ttl is required, you must provide one"))
        }
    }

    @Test("a value that is no segment of a SPIFFE ID is refused", arguments: ["a/b", "..", "ü"])
    func malformedValue(value: String) async throws {
        try await withControlPlane { plane async throws in
            #expect(
                try await refusal { try await self.creation(plane) { $0.token = value } }
                    == Refusal(
                        .invalidArgument,
                        "invalid join token: the join token may hold only letters, digits, '.', '_' and '-'"))
        }
    }

    @Test(
        "an alias that no workload could have is refused",
        arguments: [
            (Spire_Api_Types_SPIFFEID("/spire/nodes"), "is in the reserved namespace /spire"),
            (Spire_Api_Types_SPIFFEID(""), "has no path"),
            (Spire_Api_Types_SPIFFEID("/x", in: "other.org"), "is not a member of trust domain \"example.org\""),
        ])
    func refusedAlias(alias: Spire_Api_Types_SPIFFEID, reason: String) async throws {
        try await withControlPlane { plane async throws in
            #expect(
                try await refusal { try await self.creation(plane) { $0.agentID = alias } }
                    == Refusal(
                        .invalidArgument,
                        "invalid agent ID: \"spiffe://\(alias.trustDomain)\(alias.path)\" \(reason)"))
        }
    }
}
