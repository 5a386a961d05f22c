import Audit
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import Rotation
import SwiftProtobuf
import TestSupport
import Testing

@Suite("services and grants", .timeLimit(.minutes(1)))
struct AccessAdministrationTests {
    private static let settings = HarnessSettings(issuer: "https://tokens.example.org")

    @Test("are created by an actor, listed and shown, and outlive the server")
    func lifeCycle() async throws {
        let disk = try Disk()
        let time = ManualInstants()
        try await withControlPlane(disk: disk, time: time) { plane async throws in
            let admin = try await plane.newAdmin()
            let service = try await plane.local { try await $0.createService("payments") }
            #expect(service.audience == "spiffe://example.org/payments")
            #expect(service.createdBy.hasPrefix("uid:"))
            #expect(service.createdAt == Int64(time.now.timeIntervalSince1970))
            let grant = try await plane.remote(as: admin) { try await $0.grant("/orders", "payments", ["a", "b"]) }
            #expect(grant.createdBy == "spiffe://example.org/admin")
            #expect(!grant.id.isEmpty)
        }
        try await withControlPlane(disk: disk, time: time) { plane async throws in
            try await plane.local { client async throws in
                let services = try await client.call(AccessMethods.listServices, .init()).services
                #expect(services.map(\.name) == ["payments"])
                let grants = try await client.call(AccessMethods.listGrants, .init()).grants
                #expect(grants.map(\.caller) == ["spiffe://example.org/orders"])
                #expect(Set(grants[0].scopes) == ["a", "b"])
                let same = try await client.call(AccessMethods.getGrant, .with { $0.id = grants[0].id })
                #expect(same == grants[0])
                let named = try await client.call(
                    AccessMethods.getService, .with { $0.name = "spiffe://example.org/payments" })
                #expect(named == services[0])
            }
        }
    }

    @Test("a decision is explained, and follows the grants")
    func test() async throws {
        let time = ManualInstants()
        try await withControlPlane(Self.settings, time: time) { plane async throws in
            try await plane.local { client async throws in
                #expect(try await client.test("/orders", "payments", []).reason == "unknown_caller")
                _ = try await client.createService("payments") { $0.binding = .certificate }
                let grant = try await client.grant("/orders", "payments", ["a", "b"]) {
                    $0.maximumLifetime = 300
                    $0.notAfter = Int64(time.now.timeIntervalSince1970) + 1_000
                }
                let granted = try await client.test("/orders", "payments", ["a"])
                #expect(granted.granted)
                #expect(granted.scopes == ["a"])
                #expect(granted.lifetime == 300)
                #expect(granted.binding == .certificate)
                #expect(granted.grantIds == [grant.id])
                let more = try await client.test("/orders", "payments", ["a", "c"])
                #expect(!more.granted)
                #expect(more.reason == "scopes_not_granted")
                #expect(more.explanation == "not granted: c")
                time.advance(by: .seconds(1_000))
                #expect(try await client.test("/orders", "payments", ["a"]).reason == "grant_expired")
                let inForce = try await client.call(AccessMethods.listGrants, .with { $0.onlyInForce = true })
                #expect(inForce.grants == [])
                _ = try await client.call(AccessMethods.deleteGrant, .with { $0.id = grant.id })
                #expect(try await client.test("/orders", "payments", ["a"]).reason == "unknown_caller")
            }
        }
    }

    @Test("a decision has the lifetime of this server; one that issues no tokens grants none, and says so")
    func testOfServer() async throws {
        var settings = Self.settings
        settings.tokenLifetime = .seconds(420)
        for (settings, isIssuing) in [(settings, true), (HarnessSettings(), false)] {
            try await withControlPlane(settings) { plane async throws in
                try await plane.local { client async throws in
                    _ = try await client.createService("payments")
                    let grant = try await client.grant("/orders", "payments", ["a"])
                    let decision = try await client.test("/orders", "payments", ["a"])
                    #expect(decision.granted == isIssuing)
                    #expect(decision.lifetime == (isIssuing ? 420 : 0))
                    #expect(decision.reason == (isIssuing ? "granted" : "no_authorization_server"))
                    #expect(decision.explanation.hasPrefix("granted by \(grant.id)"))
                    #expect(decision.explanation.hasSuffix("no section oauth") == !isIssuing)
                }
            }
        }
    }

    @Test(
        "a service that is wrong is refused, and the field is named",
        arguments: [
            Case<Signet_Server_V1_Service>("name: a service name has") { $0.name = "A" },
            Case<Signet_Server_V1_Service>("spiffe_id: not a SPIFFE ID") { $0.spiffeID = "https://example.org/a" },
            Case<Signet_Server_V1_Service>("spiffe_id: a prefix ends with a whole segment") {
                $0.spiffeID = "spiffe://example.org/pay*"
            },
            Case<Signet_Server_V1_Service>("spiffe_id: is in trust domain other.test") {
                $0.spiffeID = "spiffe://other.test/a"
            },
            Case<Signet_Server_V1_Service>("spiffe_id: /spire/server is reserved") {
                $0.spiffeID = "spiffe://example.org/spire/server"
            },
            Case<Signet_Server_V1_Service>("audience: an audience is an absolute URI") { $0.audience = "payments" },
            Case<Signet_Server_V1_Service>("a service must have an owner") { $0.owners = [] },
            Case<Signet_Server_V1_Service>("binding: unknown") { $0.binding = .UNRECOGNIZED(7) },
        ])
    func wrongService(item: Case<Signet_Server_V1_Service>) async throws {
        try await withControlPlane { plane async throws in
            let answer = try await refusal {
                try await plane.local { try await $0.createService("payments", item.change) }
            }
            #expect(answer.code == .invalidArgument)
            #expect(answer.message.hasPrefix(item.message), "\(answer.message)")
            // Recorded once, and no service; who asks rightly is served.
            #expect(plane.audit.events.map(\.decision) == [.refused])
            #expect(plane.audit.events.map(\.kind) == [.service])
            #expect(plane.audit.events.map(\.reason) == ["invalid_argument"])
            _ = try await plane.local { try await $0.createService("payments") }
            #expect(plane.audit.events.map(\.decision) == [.refused, .changed])
        }
    }

    @Test(
        "a grant that is wrong is refused, and the field is named",
        arguments: [
            Case<Signet_Server_V1_Grant>("caller: a prefix ends with a whole segment") {
                $0.caller = "spiffe://example.org/ord*"
            },
            Case<Signet_Server_V1_Grant>("service: a service name has") { $0.service = "spiffe://example.org/a" },
            Case<Signet_Server_V1_Grant>("scopes: ") { $0.scopes = ["a b"] },
            Case<Signet_Server_V1_Grant>("scopes: ") { $0.scopes = ["a\u{1}"] },
            Case<Signet_Server_V1_Grant>("a grant must have a scope") { $0.scopes = [] },
            Case<Signet_Server_V1_Grant>("a lifetime of 901 s") { $0.maximumLifetime = 901 },
            Case<Signet_Server_V1_Grant>("a lifetime of -1 s") { $0.maximumLifetime = -1 },
            Case<Signet_Server_V1_Grant>("not_after: has passed") { $0.notAfter = 1 },
            Case<Signet_Server_V1_Grant>("-1 is not a time") { $0.notAfter = -1 },
        ])
    func wrongGrant(item: Case<Signet_Server_V1_Grant>) async throws {
        try await withControlPlane { plane async throws in
            let answer = try await refusal {
                try await plane.local { client async throws in
                    _ = try await client.createService("payments")
                    return try await client.grant("/orders", "payments", ["a"], item.change)
                }
            }
            #expect(answer.code == .invalidArgument)
            #expect(answer.message.hasPrefix(item.message), "\(answer.message)")
            // Recorded once, and no grant; who asks rightly is served.
            #expect(plane.audit.events.map(\.decision) == [.changed, .refused])
            #expect(plane.audit.events.last?.kind == .grant)
            #expect(plane.audit.events.last?.reason == "invalid_argument")
            let grants = try await plane.local { client async throws in
                _ = try await client.grant("/orders", "payments", ["a"])
                return try await client.call(AccessMethods.listGrants, .init()).grants
            }
            #expect(grants.map(\.caller) == ["spiffe://example.org/orders"])
        }
    }

    @Test("what contradicts what is there is refused")
    func contradictions() async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                _ = try await client.createService("payments")
                let grant = try await client.grant("/orders", "payments", ["a"])
                #expect(
                    try await refusal { try await client.createService("payments") }
                        == Refusal(.alreadyExists, "the service payments exists"))
                #expect(
                    try await refusal {
                        try await client.createService("ledger") { $0.audience = "spiffe://example.org/payments" }
                    }.code == .alreadyExists)
                #expect(
                    try await refusal { try await client.grant("/orders", "payments", ["a"]) }
                        == Refusal(.alreadyExists, "the grant \(grant.id) gives the same"))
                #expect(try await refusal { try await client.grant("/orders", "x", ["a"]) }.code == .notFound)
                #expect(
                    try await refusal {
                        try await client.call(AccessMethods.deleteService, .with { $0.name = "payments" })
                    } == Refusal(.failedPrecondition, "1 grants to the service payments must be deleted first"))
                let deleted = try await client.call(
                    AccessMethods.deleteService,
                    .with {
                        $0.name = "payments"
                        $0.deleteGrants = true
                    })
                #expect(deleted.deletedGrants == 1)
                #expect(try await client.call(AccessMethods.listGrants, .init()).grants == [])
            }
        }
    }

    @Test("a policy is planned, applied whole, and then nothing is left to do")
    func policy() async throws {
        try await withControlPlane(Self.settings) { plane async throws in
            try await plane.local { client async throws in
                var policy = Signet_Server_V1_ApplyPolicyRequest.with {
                    $0.owner = "team"
                    $0.services = [makeService("payments") { $0.owners = [] }]
                    $0.grants = [makeGrant("/orders", "payments", ["a"])]
                    $0.dryRun = true
                }
                let planned = try await client.call(AccessMethods.applyPolicy, policy)
                #expect(planned.steps.map(\.subject).count == 2)
                #expect(try await client.call(AccessMethods.listServices, .init()).services == [])
                policy.dryRun = false
                #expect(try await client.call(AccessMethods.applyPolicy, policy) == planned)
                #expect(try await client.call(AccessMethods.applyPolicy, policy).steps == [])
                #expect(try await client.test("/orders", "payments", ["a"]).granted)

                // One bad item, and nothing is done.
                policy.services.append(makeService("bad") { $0.spiffeID = "spiffe://example.org/pay*" })
                policy.grants = []
                let answer = try await refusal { try await client.call(AccessMethods.applyPolicy, policy) }
                #expect(answer.code == .invalidArgument)
                #expect(answer.message.hasPrefix("service bad: spiffe_id: a prefix"), "\(answer.message)")
                #expect(try await client.call(AccessMethods.listGrants, .init()).grants.count == 1)
            }
        }
    }

    @Test("a listing comes in pages")
    func pages() async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                for name in ["c", "a", "b"] { _ = try await client.createService(name) }
                let first = try await client.call(AccessMethods.listServices, .with { $0.pageSize = 2 })
                #expect(first.services.map(\.name) == ["a", "b"])
                #expect(first.nextPageToken == "b")
                let last = try await client.call(
                    AccessMethods.listServices,
                    .with {
                        $0.pageSize = 2
                        $0.pageToken = first.nextPageToken
                    })
                #expect(last.services.map(\.name) == ["c"])
                #expect(last.nextPageToken == "")
            }
        }
    }
}
