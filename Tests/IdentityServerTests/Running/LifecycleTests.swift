import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import IdentityServer
import JOSE
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("the control plane as a whole", .timeLimit(.minutes(2)))
struct LifecycleTests {
    @Test("a restart keeps agents, entries and authorities")
    func restart() async throws {
        let disk = try Disk()
        let time = ManualInstants()
        let (agent, bundle) = try await withControlPlane(disk: disk, time: time) { plane async throws in
            let agent = try await plane.newAgent(alias: "/nodes/one")
            try await plane.createEntry(makeEntry("/web", parent: "/nodes/one") { $0.id = "web" })
            return (agent, plane.authority.state.current.bundle)
        }
        try await withControlPlane(disk: disk, time: time) { plane async throws in
            #expect(plane.authority.state.current.bundle == bundle)
            try await plane.remote(as: agent) { client async throws in
                let entries = try await client.call(EntryMethods.getAuthorizedEntries, .init()).entries
                #expect(entries.map(\.spiffeID.path).sorted() == ["/nodes/one", "/web"])
                let csr = try makeCSR()
                let reply = try await client.call(
                    SVIDMethods.batchNewX509SVID,
                    .with {
                        $0.params = [
                            .with {
                                $0.entryID = "web"; $0.csr = csr
                            }
                        ]
                    })
                #expect(reply.results[0].status.message == "OK")
            }
        }
    }

    @Test("a restart keeps a renewal that was not used yet")
    func restartKeepsPending() async throws {
        let disk = try Disk()
        let time = ManualInstants()
        let (agent, renewed) = try await withControlPlane(disk: disk, time: time) { plane async throws in
            let agent = try await plane.newAgent()
            return (agent, try await plane.renew(agent))
        }
        try await withControlPlane(disk: disk, time: time) { plane async throws in
            try await plane.remote(as: agent) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
            try await plane.remote(as: renewed) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
        }
    }

    @Test("the bundle is for everybody, with a mask as asked for")
    func bundle() async throws {
        try await withControlPlane { plane async throws in
            let (whole, masked) = try await plane.remote(as: nil) { client async throws in
                (
                    try await client.call(BundleMethods.getBundle, .init()),
                    try await client.call(BundleMethods.getBundle, .with { $0.outputMask.sequenceNumber = true })
                )
            }
            let bundle = plane.authority.state.current.bundle
            #expect(whole.trustDomain == "example.org")
            #expect(whole.x509Authorities.flatMap { Array($0.asn1) } == bundle.x509AuthoritiesDER())
            #expect(whole.jwtAuthorities.map(\.keyID) == bundle.jwtAuthorities.map(\.keyID))
            #expect(
                whole.jwtAuthorities.map { Array($0.publicKey) }
                    == bundle.jwtAuthorities.map(\.publicKey.subjectPublicKeyInfoDER))
            #expect(whole.sequenceNumber == bundle.sequenceNumber)
            #expect(
                masked
                    == .with {
                        $0.trustDomain = "example.org"; $0.sequenceNumber = whole.sequenceNumber
                    })
        }
    }

    @Test("health is served on the administrator's socket only")
    func health() async throws {
        try await withControlPlane { plane async throws in
            #expect(try await plane.local { try await $0.call(HealthMethods.check, .init()) }.status == .serving)
            #expect(
                try await refusal {
                    try await plane.remote(as: nil) { try await $0.call(HealthMethods.check, .init()) }
                }.code == .unimplemented)
        }
    }

    @Test("reflection names the services on the administrator's socket")
    func reflection() async throws {
        try await withControlPlane { plane async throws in
            let services = try await plane.local { client async throws in
                try await client.converse(
                    ReflectionMethods.serverReflectionInfo,
                    requests: { try await $0.write(.with { $0.listServices = "" }) }
                ) { responses async throws in
                    var names: [String] = []
                    for try await response in responses {
                        names += response.listServicesResponse.service.map(\.name)
                    }
                    return names
                }
            }
            #expect(
                Set(services).isSuperset(of: [
                    AgentMethods.service, EntryMethods.service, SVIDMethods.service, BundleMethods.service,
                    SyncMethods.service, HealthMethods.service,
                ]))
        }
    }

    @Test("the administrator's socket is 0660 in a directory of 0750")
    func socketModes() async throws {
        let disk = try Disk()
        try await withControlPlane(disk: disk) { _ async throws in
            #expect(try disk.directory.mode(of: "admin") == 0o750)
            #expect(try disk.directory.mode(of: "admin/api.sock") == 0o660)
        }
    }

    @Test(
        "a default lifetime that the authority cannot guarantee stops the start",
        arguments: [
            Case("default_x509_svid_ttl") { $0.x509SVIDTTL = .seconds(601) },
            Case("default_jwt_svid_ttl") { $0.jwtSVIDTTL = .seconds(601) },
            Case("agent_ttl") { $0.agentTTL = .seconds(601) },
        ] as [Case<HarnessSettings>])
    func unguaranteedLifetime(_ example: Case<HarnessSettings>) async throws {
        var settings = HarnessSettings()
        settings.caTTL = .seconds(3_600)
        settings.x509SVIDTTL = .seconds(600)
        settings.agentTTL = .seconds(600)
        example.change(&settings)
        await #expect(
            throws: IdentityServerError.lifetimeRefused(
                setting: example.message,
                .ttlNotGuaranteed(
                    defaultTTL: .seconds(601), guaranteed: .seconds(600), sufficientCATTL: .seconds(3_606)))
        ) {
            try await withControlPlane(settings) { _ async throws in }
        }
    }

    @Test("the server's own certificate is renewed at half its life, without a restart")
    func serverCertificate() async throws {
        try await withControlPlane { plane async throws in
            var current = try await plane.newAgent()
            // Without a renewal the server's certificate would have expired twice over.
            for _ in 0..<4 {
                try await plane.time.waitForSleepers(3)
                plane.time.advance(by: .seconds(1_800))
                await plane.log.wait(for: "server X509-SVID renewed")
                current = try await plane.renew(current)
                _ = try await plane.remote(as: current) { try await $0.call(AgentMethods.postStatus, .init()) }
            }
        }
    }

    @Test("a server certificate of seconds is renewed at half its life, not at once because it is dated back")
    func shortLivedServerCertificate() async throws {
        let time = ManualInstants()
        try await withControlPlane(HarnessSettings(x509SVIDTTL: .seconds(2)), time: time) { plane async throws in
            for _ in 0..<3 {
                try await plane.time.waitForSleepers(3)
                #expect(plane.time.nextDeadline == plane.time.now.addingTimeInterval(1))
                plane.time.advance(by: .seconds(1))
                await plane.log.wait(for: "server X509-SVID renewed")
            }
        }
    }

    /// Behind the beginning of the authority, and past its end.
    @Test(
        "a clock that is set to where no authority is valid: within five seconds one is, and the server's certificate",
        arguments: [-7_200.0, 90_000])
    func clockIsSet(by seconds: Double) async throws {
        try await withControlPlane { plane async throws in
            let before = plane.authority.state.current.x509
            try await plane.time.waitForSleepers(3)
            plane.time.set(to: plane.time.now.addingTimeInterval(seconds))
            #expect(before.notBefore > plane.time.now || before.notAfter < plane.time.now)
            plane.time.advance(by: .seconds(5))
            await plane.log.wait(for: "trust bundle changed")
            #expect(plane.authority.state.current.x509.notBefore <= plane.time.now)
            // The line that says by which authority the server's own certificate is now.
            await plane.log.wait(for: plane.authority.state.current.x509.id)
            // Who attests now is given what is valid now, by a server whose certificate is, too.
            let agent = try await plane.newAgent()
            _ = try await plane.remote(as: agent) { try await $0.call(AgentMethods.postStatus, .init()) }
        }
    }

    @Test("the next authority is prepared and published when it is due, and the current one goes on")
    func rotation() async throws {
        try await withControlPlane { plane async throws in
            let before = plane.authority.state.current.x509
            try await plane.time.waitForSleepers(3)
            plane.time.advance(by: .seconds(12 * 3_600 + 60))
            await plane.log.wait(for: "trust bundle changed")
            #expect(plane.authority.state.current.bundle.x509Authorities.count == 2)
            #expect(plane.authority.state.current.x509.certificate == before.certificate)
        }
    }
}
