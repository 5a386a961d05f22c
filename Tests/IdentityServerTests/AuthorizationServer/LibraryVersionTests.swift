import AccessTokens
import Audit
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import JOSE
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("the oldest version of the library that gets tokens", .timeLimit(.minutes(2)))
struct LibraryVersionTests {
    private static let minimum = LibraryVersion(major: 1, minor: 2, patch: 0)
    private static let remedy = "build the service with signet-swift 1.2.0 or newer, and start it again"

    private static var settings: HarnessSettings {
        var settings = oauthSettings
        settings.minimumLibraryVersion = Self.minimum
        return settings
    }

    @Test("over OAuth an older one is refused with its code and what to do, and the record has both")
    func tooOld() async throws {
        try await withAuthorizationServer(settings: Self.settings) { plane, orders async throws in
            let before = plane.audit.events.count
            for (agent, library) in [
                ("signet-swift/1.1.9", "signet-swift/1.1.9"), ("orders/1 signet-swift/0.1.0", "signet-swift/0.1.0"),
                ("signet-swift", "signet-swift"), ("signet-swift/next", "signet-swift"),
            ] {
                let reply = try await plane.post(wish, as: orders, headers: [("User-Agent", agent)])
                #expect(reply.status == 400)
                #expect(reply.headers["Cache-Control"] == ["no-store"])
                #expect(reply.members.members.map(\.name) == ["error", "error_description"])
                #expect(reply.error == "signet_library_too_old")
                #expect(
                    reply.members["error_description"]?.string
                        == "the library \(library) is too old for tokens: \(Self.remedy)")
            }
            let events = plane.audit.events.dropFirst(before)
            #expect(events.map(\.decision) == Array(repeating: .refused, count: 4))
            #expect(events.allSatisfy { $0.reason == "library_too_old" && $0.remedy == Self.remedy })
            #expect(events.allSatisfy { $0.subject == orders.id.uri && $0.audience == ["payments"] })
            #expect(
                events.map(\.library) == ["signet-swift/1.1.9", "signet-swift/0.1.0", "signet-swift", "signet-swift"])
        }
    }

    @Test("one that is not older, another library, and who says nothing get tokens, and are recorded by name")
    func others() async throws {
        try await withAuthorizationServer(settings: Self.settings) { plane, orders async throws in
            let before = plane.audit.events.count
            let agents = ["signet-swift/1.2.0", "signet-swift/10.0.0", "curl/8.5.0", "signet-swiftly/0.1.0"]
            for agent in agents {
                #expect(try await plane.post(wish, as: orders, headers: [("User-Agent", agent)]).status == 200)
            }
            #expect(try await plane.post(wish, as: orders).status == 200)
            let events = plane.audit.events.dropFirst(before)
            #expect(events.map(\.decision) == Array(repeating: .issued, count: 5))
            #expect(events.map(\.library) == agents + [nil])
            #expect(events.allSatisfy { $0.remedy == nil })
        }
    }

    @Test("without a minimum every version gets tokens")
    func none() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            for agent in ["signet-swift/0.0.1", "signet-swift"] {
                #expect(try await plane.post(wish, as: orders, headers: [("User-Agent", agent)]).status == 200)
            }
        }
    }

    @Test("by the agent a workload with an older one is PERMISSION_DENIED with what to do; another workload is served")
    func agents() async throws {
        try await withControlPlane(Self.settings) { plane async throws in
            let agent = try await plane.newAgentOfOrders()
            let before = plane.audit.events.count
            try await plane.remote(as: agent) { client async throws in
                #expect(
                    try await refusal {
                        try await client.issue("orders", "payments", []) { $0.library = "signet-swift/1.1.9" }
                    }
                        == Refusal(
                            .permissionDenied,
                            "the library signet-swift/1.1.9 is too old for tokens: \(Self.remedy)"))
                for library in ["signet-swift/1.2.0", "curl/8.5.0", ""] {
                    _ = try await client.issue("orders", "payments", []) { $0.library = library }
                }
            }
            let events = plane.audit.events.dropFirst(before)
            #expect(events.map(\.decision) == [.refused, .issued, .issued, .issued])
            #expect(events.map(\.library) == ["signet-swift/1.1.9", "signet-swift/1.2.0", "curl/8.5.0", nil])
            #expect(events.map(\.reason) == ["library_too_old", nil, nil, nil])
            #expect(events.map(\.remedy) == [Self.remedy, nil, nil, nil])
        }
    }
}
