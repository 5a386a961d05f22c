import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import KeyManagement
import ProtoRPC
import SPIFFE
import SPIFFETLS
import SwiftProtobuf
import TestSupport
import X509

typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

/// A workload's or agent's certificate and key, and what it trusts.
struct TestIdentity: X509SVIDSource {
    let svid: X509SVID
    let bundles: TrustBundles

    var id: SPIFFEID { self.svid.id }

    var serialNumber: String {
        get throws {
            try VerifiedX509SVID.validate(self.svid.certificates, bundles: self.bundles, now: self.svid.notBefore)
                .serialNumber
        }
    }

    func current() -> X509Identity {
        X509Identity(svid: self.svid, bundles: self.bundles)
    }

    init(key: KeyPair, svid: Spire_Api_Types_X509SVID, bundles: TrustBundles) throws {
        self.svid = try X509SVID(
            certificatesDER: svid.certChain.flatMap { Array($0) }, privateKeyPKCS8DER: key.pkcs8DER)
        self.bundles = bundles
    }
}

extension ControlPlaneUnderTest {
    /// Calls over the administrator's socket.
    func local<Result: Sendable>(_ body: @Sendable (Client) async throws -> Result) async throws -> Result {
        try await withGRPCClient(
            transport: .http2NIOPosix(
                target: .unixDomainSocket(path: self.socketPath), transportSecurity: .plaintext)
        ) { try await body($0) }
    }

    /// Calls over TCP as the given identity; nil presents no certificate.
    func remote<Result: Sendable>(
        as identity: TestIdentity?, _ body: @Sendable (Client) async throws -> Result
    ) async throws -> Result {
        let server = try PeerPolicy.exactly(self.id("/spire/server"))
        let now: @Sendable () -> Date = { self.time.now }
        let tls =
            if let identity {
                SPIFFETLSContexts(source: identity, policy: server, now: now, applicationProtocols: ["h2"])
            } else {
                SPIFFETLSContexts(
                    anonymousTrusting: self.bundles, policy: server, now: now, applicationProtocols: ["h2"])
            }
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.channelDebuggingCallbacks.onCreateTCPConnection = { tls.secureClient($0) }
        return try await withGRPCClient(
            transport: .http2NIOPosix(
                target: .ipv4(address: "127.0.0.1", port: self.port), transportSecurity: .customSecure, config: config)
        ) { try await body($0) }
    }

    // MARK: Agents

    func makeToken(ttl: Int32 = 600, alias: String? = nil) async throws -> String {
        try await self.local { client async throws in
            try await client.call(
                AgentMethods.createJoinToken,
                .with {
                    $0.ttl = ttl
                    if let alias {
                        $0.agentID = .with {
                            $0.trustDomain = "example.org"; $0.path = alias
                        }
                    }
                }
            ).value
        }
    }

    /// Attests an agent by a join token.
    func attest(token: String) async throws -> TestIdentity {
        let key = try KeyPair.generate(.ecP256)
        let svid = try await self.remote(as: nil) { client async throws in
            try await client.attest(type: "join_token", payload: token, csr: makeCSR(key))
        }
        return try TestIdentity(key: key, svid: svid, bundles: self.bundles)
    }

    /// A new agent, attested by a token of its own.
    func newAgent(alias: String? = nil) async throws -> TestIdentity {
        try await self.attest(token: self.makeToken(alias: alias))
    }

    /// A new agent for a caller: the entry `orders`, the service `payments`, and a grant from one to the other.
    func newAgentOfOrders(
        scopes: [String] = ["payments:create"], binding: Signet_Server_V1_Binding = .identity
    ) async throws -> TestIdentity {
        let agent = try await self.newAgent()
        try await self.createEntry(makeEntry("/orders", parent: agent.id.path) { $0.id = "orders" })
        try await self.local { client async throws in
            _ = try await client.createService("payments") { $0.binding = binding }
            _ = try await client.grant("/orders", "payments", scopes)
        }
        return agent
    }

    /// Renews an agent's certificate; the new one is not used yet.
    func renew(_ agent: TestIdentity) async throws -> TestIdentity {
        let key = try KeyPair.generate(.ecP256)
        let reply = try await self.remote(as: agent) { client async throws in
            try await client.call(AgentMethods.renewAgent, .with { $0.params.csr = try makeCSR(key) })
        }
        return try TestIdentity(key: key, svid: reply.svid, bundles: self.bundles)
    }

    // MARK: Entries

    @discardableResult
    func createEntry(_ entry: Spire_Api_Types_Entry) async throws -> Spire_Api_Types_Entry {
        let reply = try await self.local { client async throws in
            try await client.call(EntryMethods.batchCreateEntry, .with { $0.entries = [entry] })
        }
        guard let result = reply.results.first, result.status.code == 0 else {
            throw HarnessError.entryRefused(reply.results.first?.status.message ?? "no result")
        }
        return result.entry
    }

    /// An administrator's identity: an entry with `admin`, its certificate minted.
    func newAdmin(path: String = "/admin") async throws -> TestIdentity {
        try await self.createEntry(makeEntry(path, parent: "/somewhere") { $0.admin = true })
        return try await self.mint(path)
    }

    func mint(_ path: String) async throws -> TestIdentity {
        let key = try KeyPair.generate(.ecP256)
        let reply = try await self.local { client async throws in
            try await client.call(
                SVIDMethods.mintX509SVID, .with { $0.csr = try makeCSR(key, id: self.id(path)) })
        }
        return try TestIdentity(key: key, svid: reply.svid, bundles: self.bundles)
    }
}

enum HarnessError: Error {
    case entryRefused(String)
    case noResult
}

extension GRPCClient {
    /// The first and only exchange of an attestation without challenges.
    func attest(type: String, payload: String, csr: Data) async throws -> Spire_Api_Types_X509SVID {
        try await self.converse(
            AgentMethods.attestAgent,
            requests: { writer in
                try await writer.write(
                    .with {
                        $0.params.data.type = type
                        $0.params.data.payload = Data(payload.utf8)
                        $0.params.params.csr = csr
                    })
            }
        ) { responses async throws in
            var result: Spire_Api_Types_X509SVID?
            for try await response in responses { result = response.result.svid }
            guard let result else { throw HarnessError.noResult }
            return result
        }
    }
}

func makeCSR(_ key: KeyPair, id: SPIFFEID? = nil, dnsNames: [String] = []) throws -> Data {
    Data(try X509SVIDRequest.make(key: key.certificateKey, id: id, dnsNames: dnsNames))
}

func makeCSR(id: SPIFFEID? = nil, dnsNames: [String] = []) throws -> Data {
    try makeCSR(KeyPair.generate(.ecP256), id: id, dnsNames: dnsNames)
}

extension Spire_Api_Types_SPIFFEID {
    init(_ path: String, in trustDomain: String = "example.org") {
        self.init()
        self.trustDomain = trustDomain
        self.path = path
    }

    init(_ id: SPIFFEID) {
        self.init(id.path, in: id.trustDomain.name)
    }
}

/// An entry of `example.org` with one selector.
func makeEntry(
    _ path: String, parent: String, selector: String = "unix:uid:1000",
    _ change: (inout Spire_Api_Types_Entry) -> Void = { _ in }
) -> Spire_Api_Types_Entry {
    let colon = selector.firstIndex(of: ":") ?? selector.endIndex
    var entry = Spire_Api_Types_Entry.with {
        $0.spiffeID = .init(path)
        $0.parentID = .init(parent)
        $0.selectors = [
            .with {
                $0.type = String(selector[..<colon])
                $0.value = String(selector[colon...].dropFirst())
            }
        ]
    }
    change(&entry)
    return entry
}

/// The status a call ended with; fails the test when it succeeded.
func refusal<Result>(_ call: () async throws -> Result) async throws -> Refusal {
    do {
        _ = try await call()
    } catch let error as RPCError {
        return Refusal(error)
    }
    throw HarnessError.noResult
}

/// A status with the reason an agent reads from it.
struct Refusal: Equatable, CustomStringConvertible {
    let code: RPCError.Code
    let message: String
    let reason: Spire_Api_Types_PermissionDeniedDetails.Reason?

    init(_ code: RPCError.Code, _ message: String, _ reason: Spire_Api_Types_PermissionDeniedDetails.Reason? = nil) {
        self.code = code
        self.message = message
        self.reason = reason
    }

    init(_ error: RPCError) {
        self.init(
            error.code, error.message,
            error.detail(of: Spire_Api_Types_PermissionDeniedDetails.self)?.reason)
    }

    var description: String { "\(self.code): \(self.message) \(self.reason.map { "[\($0)]" } ?? "")" }
}
