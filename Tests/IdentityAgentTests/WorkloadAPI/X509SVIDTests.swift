import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Glibc
import IdentityAgent
import Logging
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos
import X509

@Suite("FetchX509SVID", .timeLimit(.minutes(1)))
struct X509SVIDTests {
    @Test("WAPI-11: the first message comes at once: no time passes before it, on the first stream or a later one")
    func withoutDelay() async throws {
        let time = ManualInstants()
        let start = time.now
        try await withServingAgent(
            instants: time.instants, script: { $0.entries = [.entry("a", "/web")] }
        ) { agent, _ async throws in
            for _ in 1...3 {
                #expect(try await agent.first(WorkloadAPIMethods.fetchX509SVID).svids.count == 1)
                #expect(try await agent.first(WorkloadAPIMethods.fetchX509Bundles).bundles.count == 1)
                #expect(try await agent.first(WorkloadAPIMethods.fetchJWTBundles).bundles.count == 1)
            }
            #expect(time.now == start)
        }
    }

    @Test("WAPI-18, WAPI-20, WAPI-21, WAPI-24: a caller gets its SVID, key and bundle")
    func fetch() async throws {
        try await withServingAgent(
            script: { $0.entries = [.entry("a", "/web", hint: "internal")] }
        ) { agent, plane async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.count == 1)
            let message = try #require(response.svids.first)
            #expect(message.spiffeID == "spiffe://example.org/web")
            #expect(message.hint == "internal")
            #expect(message.bundle == Data(plane.authority.certificate.derBytes))
            let svid = try SPIFFE.X509SVID(
                certificatesDER: Array(message.x509Svid), privateKeyPKCS8DER: Array(message.x509SvidKey))
            let verified = try VerifiedX509SVID.validate(
                svid.certificates, bundles: TrustBundles([plane.authority.bundle]), now: Date())
            #expect(verified.id.uri == "spiffe://example.org/web")
        }
    }

    @Test("WAPI-23, WAPI-70: every identity is in the response, that of the oldest entry first")
    func order() async throws {
        try await withServingAgent(script: {
            $0.entries = [
                .entry("a", "/newer", createdAt: 1_700_000_100), .entry("b", "/older"), .entry("c", "/older-too"),
            ]
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(
                response.svids.map(\.spiffeID) == [
                    "spiffe://example.org/older", "spiffe://example.org/older-too", "spiffe://example.org/newer",
                ])
        }
    }

    @Test("WAPI-25: of identities with the same hint only that of the oldest entry is sent")
    func hints() async throws {
        try await withServingAgent(script: {
            $0.entries = [
                .entry("a", "/foo", hint: "internal"), .entry("b", "/bar", hint: "external"),
                .entry("c", "/baz", hint: "internal"), .entry("d", "/e1"), .entry("e", "/e2"),
            ]
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.map(\.hint) == ["internal", "external", "", ""])
            #expect(
                response.svids.map(\.spiffeID) == ["/foo", "/bar", "/e1", "/e2"].map { "spiffe://example.org\($0)" })
        }
    }

    @Test("WAPI-27, WEP-25: a process that nobody registered is denied, and told what was seen of it")
    func unregistered() async throws {
        try await withServingAgent(
            script: { $0.entries = [.entry("a", "/web", selectors: ["uid:54321", "path:/unknown"])] }
        ) { agent, _ async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            }
            #expect(error?.code == .permissionDenied)
            let message = try #require(error?.message)
            #expect(message.hasPrefix("no identity issued: no registration entry matches; seen: unix:gid:"))
            #expect(message.contains("unix:uid:\(geteuid())"))
            #expect(message.contains("unix:path:/"))
            #expect(!message.contains("54321") && !message.contains("/unknown"))
            #expect(agent.log.entries.contains { $0.level == .info && "\($0.message)" == "no identity issued" })
        }
    }

    @Test("WAPI-08, WAPI-09: each message is the full state, and comes when it changed")
    func fullState() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                let first = try await stream.next()
                #expect(first.svids.map(\.spiffeID) == ["spiffe://example.org/a"])

                plane.register(.entry("b", "/b"))
                let second = try await stream.next()
                #expect(second.svids.map(\.spiffeID) == ["spiffe://example.org/a", "spiffe://example.org/b"])
                #expect(second.svids.first == first.svids.first)

                plane.remove("a")
                let third = try await stream.next()
                #expect(third.svids.map(\.spiffeID) == ["spiffe://example.org/b"])
            }
        }
    }

    @Test("WAPI-09: what does not concern the caller sends nothing")
    func unconcerned() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                _ = try await stream.next()
                plane.register(.entry("other", "/other", selectors: ["uid:54321"]))
                await plane.waitForCalls("BatchNewX509SVID", 2)
                plane.register(.entry("b", "/b"))
                // The next message is already about the second change.
                #expect(try await stream.next().svids.count == 2)
            }
        }
    }

    @Test("WAPI-10: a second stream of the same caller gets a first message of its own")
    func secondStream() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                let first = try await stream.next()
                #expect(try await agent.first(WorkloadAPIMethods.fetchX509SVID) == first)
                #expect(plane.count("BatchNewX509SVID") == 1)
            }
        }
    }

    @Test("WAPI-29: a stream whose identity is withdrawn ends with PERMISSION_DENIED")
    func withdrawn() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.watchingX509SVIDs { stream async throws in
                    _ = try await stream.next()
                    plane.remove("a")
                    _ = try await stream.next()
                }
            }
            #expect(error?.code == .permissionDenied)
        }
    }

    @Test("a changed entry is signed for again, and the stream follows")
    func revision() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                let first = try await stream.next()
                plane.register(.entry("a", "/renamed", revision: 1))
                let second = try await stream.next { $0.svids.first?.spiffeID == "spiffe://example.org/renamed" }
                #expect(second.svids.count == 1)
                #expect(second.svids.first?.x509SvidKey != first.svids.first?.x509SvidKey)
            }
        }
    }

    @Test("a rotated bundle reaches the stream; the SVID stays")
    func bundleRotation() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let other = try TestAuthority(trustDomain: "example.org", now: Date())
            try await agent.watchingX509SVIDs { stream async throws in
                let first = try await stream.next()
                plane.script {
                    $0.sequence += 1
                    $0.bundle = TrustBundle(
                        trustDomain: plane.authority.trustDomain,
                        x509Authorities: [plane.authority.certificate, other.certificate], sequenceNumber: 2)
                }
                let second = try await stream.next()
                #expect(
                    second.svids.first?.bundle
                        == Data(plane.authority.certificate.derBytes + other.certificate.derBytes))
                #expect(second.svids.first?.x509Svid == first.svids.first?.x509Svid)
            }
        }
    }

    @Test("SVIDs of a few seconds' life rotate; each comes before the one before it has expired")
    func shortLives() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.svidLifetime = .seconds(4)
                $0.entries = [.entry("a", "/a")]
            }
        ) { agent, _ async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                var last = try await stream.next()
                for _ in 1...5 {
                    let issued = time.now
                    // Half of the life, and the tenth that chance may add.
                    time.advance(by: .milliseconds(2_400))
                    let next = try await stream.next()
                    #expect(next.svids.count == 1)
                    #expect(next.svids.first?.x509Svid != last.svids.first?.x509Svid)
                    #expect(time.now < issued.addingTimeInterval(4))
                    last = next
                }
            }
        }
    }

    @Test("while the server is away, what was issued is served until it expires, and then the stream ends")
    func serverAway() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.entries = [.entry("a", "/a")]
                // The agent's own identity outlives the workload's.
                $0.agentLifetime = .seconds(86_400)
            }
        ) { agent, plane async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.watchingX509SVIDs { stream async throws in
                    let first = try await stream.next()
                    plane.script { $0.isAway = true }
                    time.advance(by: .seconds(3_000))
                    await plane.waitForCalls("BatchNewX509SVID", 2)
                    #expect(try await agent.first(WorkloadAPIMethods.fetchX509SVID) == first)
                    time.advance(by: .seconds(600))
                    _ = try await stream.next()
                }
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "could not issue an X509-SVID: away")
        }
    }

    @Test("an entry that the server does not sign for leaves the caller's other identities alone")
    func partlySigned() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a"), .entry("b", "/b")]
            $0.unsigned = ["a"]
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/b"])
        }
    }

    @Test("WEP-23: when none of the caller's identities can be issued, the call fails with UNAVAILABLE")
    func unsigned() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.unsigned = ["a"]
        }) { agent, _ async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "could not issue an X509-SVID: entry not found or not authorized")
        }
    }

    @Test("batches that the server finds too large are halved until they pass")
    func halving() async throws {
        try await withServingAgent(script: {
            $0.entries = (0..<10).map { .entry("\($0)", "/\($0)") }
            $0.maxBatch = 3
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.count == 10)
        }
    }

    @Test(
        "a batch that fails for another reason than its size is tried again as one, later",
        arguments: [RPCError.Code.internalError, .permissionDenied, .unavailable])
    func failedBatch(code: RPCError.Code) async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.entries = (0..<10).map { .entry("\($0)", "/\($0)") }
                $0.batchError = code
            }
        ) { agent, plane async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            }
            #expect(error?.message == "could not issue an X509-SVID: no batch")
            plane.script { $0.batchError = nil }
            // The backstop, renewal and issuance, by moment and by duration.
            try await time.waitForSleepers(4)
            time.advance(by: .milliseconds(250))
            await plane.waitForCalls("BatchNewX509SVID", 2)
            let batches = plane.calls.values.filter { $0.method == "BatchNewX509SVID" }.map(\.detail)
            #expect(batches == Array(repeating: "0,1,2,3,4,5,6,7,8,9", count: 2))
        }
    }

    @Test("an entry beyond the limit of kept SVIDs is signed for when its workload asks")
    func beyondLimit() async throws {
        try await withServingAgent(
            script: {
                $0.entries = (0..<3).map { .entry("\($0)", "/\($0)", selectors: ["uid:54321"]) }
                $0.entries.append(.entry("mine", "/mine", createdAt: 1_800_000_000))
            }, configure: { $0.svidCacheLimit = 2 }
        ) { agent, plane async throws in
            await plane.waitForCalls("BatchNewX509SVID", 1)
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/mine"])
            #expect(plane.calls.values.filter { $0.method == "BatchNewX509SVID" }.map(\.detail) == ["0,1", "mine"])
        }
    }

    @Test("an entry with a hash, registered while the stream is open, is found to match")
    func laterHash() async throws {
        let sum = try await runProcess("sha256sum", ["/proc/\(getpid())/exe"]).outputText.prefix(64)
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                _ = try await stream.next()
                plane.register(.entry("b", "/hashed", selectors: ["sha256:\(sum)"]))
                #expect(
                    try await stream.next().svids.map(\.spiffeID) == [
                        "spiffe://example.org/a", "spiffe://example.org/hashed",
                    ])
            }
        }
    }
}
