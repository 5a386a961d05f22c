import Foundation
import GRPCCore
import IdentityAgent
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

/// The tokens of `pki/vectors/jwt-svid`, judged by an agent.
@Suite("ValidateJWTSVID by the vectors", .timeLimit(.minutes(1)))
struct ValidateJWTSVIDVectorTests {
    /// What a case.json says.
    private struct Expectation: Decodable {
        let expect: String
        let bundles: [String: String]
        let audience: String
        let now: String
        let id: String?
        // The agent grants none.
        let leewaySeconds: Int?

        enum CodingKeys: String, CodingKey {
            case expect, bundles, audience, now, id
            case leewaySeconds = "leeway_seconds"
        }
    }

    private struct Case: Sendable {
        let name: String
        let token: String
        let audience: String
        /// The SPIFFE ID of a token that is accepted.
        let id: String?
        let setting: Setting
    }

    /// What an agent has to know.
    private struct Setting: Hashable {
        let bundles: [String: Data]
        let now: Date
    }

    private static func cases() throws -> [Case] {
        // Tests/IdentityAgentTests/WorkloadAPI/ValidateJWTSVIDVectorTests.swift
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        let folder = URL(filePath: root).appending(path: "pki/vectors/jwt-svid")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().compactMap { name in
            let own = folder.appending(path: name)
            let expectation = try JSONDecoder().decode(
                Expectation.self, from: Data(contentsOf: own.appending(path: "case.json")))
            guard expectation.leewaySeconds == nil else { return nil }
            return Case(
                name: name,
                token: String(decoding: try Data(contentsOf: own.appending(path: "token.txt")), as: UTF8.self),
                audience: expectation.audience, id: expectation.expect == "accept" ? expectation.id : nil,
                setting: Setting(
                    bundles: try expectation.bundles.mapValues { try Data(contentsOf: own.appending(path: $0)) },
                    now: try Date(expectation.now, strategy: .iso8601)))
        }
    }

    @Test(
        "WAPI-48, WAPI-53: each token of the vectors is judged as by the library, and what is refused INVALID_ARGUMENT")
    func vectors() async throws {
        let cases = try Self.cases()
        #expect(cases.count > 70)
        #expect(cases.count { $0.id != nil } > 15)
        for (setting, cases) in Dictionary(grouping: cases, by: \.setting) {
            try await Self.judge(cases, in: setting)
        }
    }

    private static func judge(_ cases: [Case], in setting: Setting) async throws {
        let read = try setting.bundles.map { name, document in
            try TrustBundle(parsing: Array(document), trustDomain: TrustDomain(parsing: name))
        }
        let foreign = read.filter { $0.trustDomain.name != "example.org" }
        try await withServingAgent(
            instants: ManualInstants(now: setting.now).instants,
            script: { script in
                script.entries = [.entry("a", "/a", federatesWith: foreign.map(\.trustDomain.name))]
                // The agent's own control plane is proved by the authority that is there already.
                script.bundle = TrustBundle(
                    trustDomain: script.bundle.trustDomain, x509Authorities: script.bundle.x509Authorities,
                    jwtAuthorities: read.first { $0.trustDomain.name == "example.org" }?.jwtAuthorities ?? [],
                    sequenceNumber: 1, refreshHint: .seconds(300))
                script.federated = foreign
            }
        ) { agent, _ async throws in
            try await agent.client.stream(
                WorkloadAPIMethods.fetchJWTBundles, JWTBundlesRequest(), metadata: RunningAgent.header
            ) { responses in
                var reader = MessageReader(responses)
                _ = try await reader.next { answer in
                    foreign.allSatisfy { answer.bundles[$0.trustDomain.id.uri] != nil }
                }
            }
            for each in cases {
                let request: ValidateJWTSVIDRequest = .with {
                    $0.audience = each.audience
                    $0.svid = each.token
                }
                do {
                    let answer = try await agent.call(WorkloadAPIMethods.validateJWTSVID, request)
                    #expect(answer.spiffeID == each.id, "\(each.name)")
                } catch let error as RPCError {
                    #expect(each.id == nil, "\(each.name): \(error)")
                    #expect(error.code == .invalidArgument, "\(each.name)")
                }
            }
        }
    }
}
