import Authority
import Crypto
import FoundationEssentials
import JOSE
import KeyManagement
import Rotation
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

/// OpenSSL as an oracle that knows nothing of our code.
@Suite("OpenSSL agrees with what is issued", .timeLimit(.minutes(1)))
struct OpenSSLTests {
    private static let now = TestDomain.start + .seconds(60)

    private func openssl(_ arguments: String...) async throws -> ProcessOutput {
        try await runProcess("openssl", arguments)
    }

    private func pem(_ certificate: Certificate) throws -> [UInt8] {
        Array(try certificate.serializeAsPEM().pemString.utf8)
    }

    private func verify(
        _ leaf: Certificate, _ authorities: [Certificate], purpose: String, at now: Date = now
    ) async throws -> ProcessOutput {
        try await withTemporaryDirectory { directory in
            let bundle = try directory.write(authorities.flatMap { try self.pem($0) + [0x0A] }, to: "bundle.pem")
            let leaf = try directory.write(try self.pem(leaf), to: "leaf.pem")
            return try await self.openssl(
                "verify", "-x509_strict", "-check_ss_sig", "-attime", String(Int64(now.timeIntervalSince1970)),
                "-purpose", purpose, "-CAfile", bundle, leaf)
        }
    }

    private func text(_ certificate: Certificate) async throws -> String {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(try self.pem(certificate), to: "certificate.pem")
            return try await self.openssl("x509", "-noout", "-text", "-in", path).outputText
        }
    }

    @Test("leaves of every kind of authority verify strictly, as clients and as servers", arguments: KeyType.svidTypes)
    func verifies(type: KeyType) async throws {
        let domain = try TestDomain(caKeyType: type, jwtKeyType: .ecP256)
        let state = try await domain.firstState()
        let leaf = try state.issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), dnsNames: ["web.example.org"], ttl: .hours(1),
            now: Self.now
        ).chain[0]
        for purpose in ["sslclient", "sslserver"] {
            let output = try await self.verify(leaf, state.bundle.x509Authorities, purpose: purpose)
            #expect(output.status == 0, "\(output.errorText)")
        }
    }

    @Test("agents' and servers' certificates verify strictly")
    func agentsAndServers() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let agent = try state.issueAgentSVID(
            id: domain.id("/spire/agent/join_token/a"), publicKey: newPublicKey(), ttl: .hours(1), now: Self.now)
        let server = try state.issueServerSVID(publicKey: newPublicKey(), ttl: .hours(1), now: Self.now)
        for leaf in [agent.chain[0], server.chain[0]] {
            let output = try await self.verify(leaf, state.bundle.x509Authorities, purpose: "sslclient")
            #expect(output.status == 0, "\(output.errorText)")
        }
    }

    @Test("after a rotation, leaves of the old and of the new authority verify with the same bundle")
    func rotation() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let old = try rotation.state.current.issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .days(1), now: Self.now)
        for hour in [12, 20] { try await rotation.rotate(now: TestDomain.start + .hours(hour)) }
        let now = TestDomain.start + .hours(20)
        let state = rotation.state.current
        let new = try state.issueX509SVID(id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: now)
        for leaf in [old.chain[0], new.chain[0]] {
            let output = try await self.verify(leaf, state.bundle.x509Authorities, purpose: "sslserver", at: now)
            #expect(output.status == 0, "\(output.errorText)")
        }
        let withoutNew = try await self.verify(
            new.chain[0], Array(state.bundle.x509Authorities.prefix(1)), purpose: "sslserver", at: now)
        #expect(withoutNew.status != 0)
    }

    @Test("a leaf is refused after its end and before its beginning")
    func validity() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let svid = try state.issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: Self.now)
        let authorities = state.bundle.x509Authorities
        // OpenSSL, unlike Go, does not count the last second.
        let end = svid.expiresAt - .seconds(1)
        #expect(try await self.verify(svid.chain[0], authorities, purpose: "sslclient", at: end).status == 0)
        let late = try await self.verify(svid.chain[0], authorities, purpose: "sslclient", at: end + .seconds(1))
        #expect(late.errorText.contains("certificate has expired"))
        let early = try await self.verify(
            svid.chain[0], authorities, purpose: "sslclient", at: svid.notBefore - .seconds(1))
        #expect(early.errorText.contains("certificate is not yet valid"))
    }

    @Test("the text of every certificate is what the profiles say")
    func texts() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let agentID = try domain.id("/spire/agent/join_token/a")
        let key = newPublicKey()
        let certificates: [(String, String, Certificate)] = [
            ("x509-authority", "spiffe://example.org", state.x509.certificate),
            (
                "x509-svid", "spiffe://example.org/web",
                try state.issueX509SVID(id: domain.id("/web"), publicKey: key, ttl: .hours(1), now: Self.now).chain[0]
            ),
            (
                "agent-svid", agentID.uri,
                try state.issueAgentSVID(id: agentID, publicKey: key, ttl: .hours(1), now: Self.now).chain[0]
            ),
            (
                "server-svid", "spiffe://example.org/spire/server",
                try state.issueServerSVID(publicKey: key, ttl: .hours(1), now: Self.now).chain[0]
            ),
        ]
        for (profile, id, certificate) in certificates {
            let differences = try Profile(profile).differences(
                ofText: try await self.text(certificate), values: ["spiffeID": .string(id)])
            #expect(differences == [], "\(profile)")
        }
    }

    @Test("the moments and the serial number are those that were promised")
    func fields() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let svid = try state.issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: Self.now)
        let path = try TemporaryDirectory()
        let file = try path.write(try self.pem(svid.chain[0]), to: "leaf.pem")
        let output = try await self.openssl(
            "x509", "-noout", "-startdate", "-enddate", "-subject", "-nameopt", "RFC2253", "-in", file)
        #expect(
            output.outputText == """
                notBefore=Jan 15 08:00:50 2027 GMT
                notAfter=Jan 15 09:01:00 2027 GMT
                subject=O=SPIRE,C=US

                """)
    }

    @Test("a request of ours is well-formed and signed")
    func request() async throws {
        for type in KeyType.svidTypes {
            let pair = try KeyPair.generate(type)
            let der = try X509SVIDRequest.make(
                key: pair.certificateKey, id: SPIFFEID(parsing: "spiffe://example.org/web"), dnsNames: ["web.test"])
            let directory = try TemporaryDirectory()
            let file = try directory.write(der, to: "request.der")
            let output = try await self.openssl(
                "req", "-inform", "DER", "-in", file, "-noout", "-verify", "-text")
            #expect(output.status == 0)
            #expect((output.outputText + output.errorText).contains("verify OK"))
            #expect(output.outputText.contains("DNS:web.test, URI:spiffe://example.org/web"))
        }
    }

    @Test("a request of OpenSSL's is read", arguments: ["prime256v1", "secp384r1", "secp521r1"])
    func opensslRequest(curve: String) async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("request.der")
        let output = try await self.openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:\(curve)", "-nodes",
            "-keyout", directory.path("key.pem"), "-subj", "/C=US/O=Test", "-addext",
            "subjectAltName=URI:spiffe://example.org/web,DNS:a.test,DNS:b.test", "-outform", "DER", "-out", file)
        try #require(output.status == 0, "\(output.errorText)")
        let request = try X509SVIDRequest(parsing: directory.read("request.der"))
        #expect(request.uriNames == ["spiffe://example.org/web"])
        #expect(request.dnsNames == ["a.test", "b.test"])
        #expect(request.subject.map { "\($0)" } == ["C=US", "O=Test"])
    }
}
