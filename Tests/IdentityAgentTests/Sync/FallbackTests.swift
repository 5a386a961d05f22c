import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Logging
import Registration
import Rotation
import SPIFFE
import TestSupport
import Testing
import WorkloadAPIProtos

@Suite("Servers that do not push", .timeLimit(.minutes(1)))
struct FallbackTests {
    @Test("an agent of such a server asks for changes every few seconds")
    func polling() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.pushes = false
                $0.entries = [.entry("a", "/a")]
            }
        ) { agent, plane async throws in
            #expect(plane.count("SyncAuthorizedEntries") == 1)
            plane.register(.entry("b", "/b"))
            try await agent.watchingX509SVIDs { stream async throws in
                let first = try await stream.next()
                #expect(first.svids.count == 1)
                // Renewal, issuance (by moment and by duration) and the next question.
                try await time.waitForSleepers(4)
                // Five seconds, and the tenth that chance may add.
                time.advance(by: .milliseconds(5_500))
                let second = try await stream.next()
                #expect(second.svids.count == 2)
            }
        }
    }

    @Test("when polling, entries are in force though the bundle is not to be had")
    func pollingWithoutBundle() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.pushes = false
                $0.entries = [.entry("a", "/a")]
            }
        ) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                _ = try await stream.next()
                plane.register(.entry("b", "/b"))
                plane.script { $0.bundleError = .internalError }
                try await time.waitForSleepers(4)
                time.advance(by: .milliseconds(5_500))
                let second = try await stream.next()
                #expect(second.svids.count == 2)
            }
        }
    }

    @Test("an answer with the bundle of before does not replace one that was pushed meanwhile")
    func overtakenBundle() async throws {
        let time = ManualInstants()
        try await withServingAgent(instants: time.instants, script: { $0.entries = [.entry("a", "/a")] }) {
            agent, plane async throws in
            let other = try TestAuthority(trustDomain: "example.org", now: time.now)
            try await agent.watchingX509SVIDs { stream async throws in
                _ = try await stream.next()
                plane.script { $0.holdsBundles = true }
                // Renewal, issuance (by moment and by duration) and the backstop.
                try await time.waitForSleepers(4)
                let asked = plane.count("GetBundle")
                time.advance(by: .seconds(60))
                await plane.waitForCalls("GetBundle", asked + 1)
                plane.script {
                    $0.sequence += 1
                    $0.bundle = TrustBundle(
                        trustDomain: plane.authority.trustDomain,
                        x509Authorities: [plane.authority.certificate, other.certificate], sequenceNumber: 2)
                }
                let pushed = try await stream.next().svids.first?.bundle
                #expect(pushed == Data(plane.authority.certificate.derBytes + other.certificate.derBytes))
                plane.script { $0.holdsBundles = false }
                // The answer has been taken once the backstop sleeps again.
                try await time.waitForSleepers(4)
                plane.register(.entry("b", "/b"))
                #expect(try await stream.next { $0.svids.count == 2 }.svids.first?.bundle == pushed)
            }
        }
    }

    @Test("of many entries only those that are new or changed are transferred again")
    func sparse() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.pushes = false
                $0.pageSize = 2
                $0.entries = (1...5).map { .entry("\($0)", "/\($0)") }
            }
        ) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                let first = try await stream.next()
                #expect(first.svids.count == 5)
                plane.register(.entry("2", "/2", hint: "changed", revision: 1), .entry("6", "/6"))
                plane.remove("5")
                try await time.waitForSleepers(4)
                time.advance(by: .milliseconds(5_500))
                let response = try await stream.next {
                    $0.svids.map(\.spiffeID) == ["1", "2", "3", "4", "6"].map { "spiffe://example.org/\($0)" }
                }
                #expect(response.svids.map(\.hint) == ["", "changed", "", "", ""])
            }
            let asked = plane.calls.values.filter { $0.method == "SyncAuthorizedEntries.ids" }.map(\.detail)
            #expect(asked == ["1,2,3,4,5", "2,6"])
        }
    }

    @Test("a server without SyncAuthorizedEntries is asked with GetAuthorizedEntries")
    func oldest() async throws {
        try await withServingAgent(script: {
            $0.pushes = false
            $0.synchronizes = false
            $0.entries = [.entry("a", "/a")]
        }) { agent, plane async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.count == 1)
            #expect(plane.count("GetAuthorizedEntries") == 1)
        }
    }

    @Test("a first state in several pages is served whole")
    func pushedPages() async throws {
        try await withServingAgent(script: {
            $0.pageSize = 2
            $0.entries = (1...5).map { .entry("\($0)", "/\($0)") }
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.count == 5)
        }
    }

    @Test("an entry that cannot be read is left out, the others are served")
    func malformedEntry() async throws {
        try await withServingAgent(script: {
            var broken = Spire_Api_Types_Entry.entry("broken", "/broken")
            broken.spiffeID.path = "no-slash"
            $0.entries = [broken, .entry("a", "/a")]
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/a"])
            #expect(agent.log.entries.contains { "\($0.metadata["entry.id"] ?? "")" == "broken" })
        }
    }

    @Test("after the server was away, the agent goes on where it was")
    func resumes() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            _ = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            plane.script { $0.isAway = true }
            await plane.waitForCalls("WatchAuthorizedEntries", 2)
            plane.register(.entry("b", "/b"))
            plane.script { $0.isAway = false }
            try await agent.watchingX509SVIDs { stream async throws in
                _ = try await stream.next { $0.svids.count == 2 }
            }
            let positions = plane.calls.values.filter { $0.method == "WatchAuthorizedEntries" }.map(\.detail)
            #expect(positions.first == "/0")
            #expect(positions.dropFirst().allSatisfy { $0 == "epoch-1/1" })
        }
    }
}
