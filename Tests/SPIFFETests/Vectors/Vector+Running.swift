import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing
import X509

/// How a case of each standard is run.
extension Vector {
    /// Runs the case and compares with what it expects.
    func check(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let outcome =
            switch self.standard {
            case "spiffe-id": self.refusal { try self.parseID(sourceLocation) }
            case "x509-svid": self.refusal { try self.validatePeer(sourceLocation) }
            case "x509-svid-own": self.refusal { try self.loadOwn() }
            case "jwt-svid": self.refusal { try self.validateToken(sourceLocation) }
            case "wit-svid": self.refusal { try self.validatePresentation(sourceLocation) }
            case "wit-svid-own": self.refusal { try self.loadOwnWIT() }
            case "trust-bundle": self.refusal { try self.readBundle(sourceLocation) }
            case "bundle-endpoint-url": self.refusal { try self.parseURL(sourceLocation) }
            default: "no such standard"
            }
        #expect(outcome == self.expected, "\(self.testDescription)", sourceLocation: sourceLocation)
    }

    private func parseID(_ location: SourceLocation) throws {
        let input = try self.bytes("input.txt")
        switch self.string("kind") {
        case "path":
            _ = try SPIFFEID(trustDomain: TrustDomain(parsing: "example.org"), path: input.text)
        case "trust-domain":
            let name = try TrustDomain(parsing: input.text).name
            #expect(Array(name.utf8) == input, sourceLocation: location)
        default:
            let id = try SPIFFEID(parsing: input)
            #expect(Array(id.uri.utf8) == input, sourceLocation: location)
        }
    }

    private func parseURL(_ location: SourceLocation) throws {
        let text = try self.bytes("input.txt").text
        #expect(try BundleEndpointURL(text).description == text, sourceLocation: location)
    }

    /// The chain that the peer shows.
    func chain() throws -> [Certificate] {
        try TrustBundle.parseCertificates(concatenatedDER: self.bytes("chain.der"))
    }

    private func validatePeer(_ location: SourceLocation) throws {
        let svid = try VerifiedX509SVID.validate(self.chain(), bundles: self.bundles(), now: self.now())
        #expect(svid.id.uri == self.string("id"), sourceLocation: location)
    }

    private func loadOwn() throws {
        let key: [UInt8] =
            switch self.string("key") {
            case "none": []
            case "fresh-p256": Array(P256.Signing.PrivateKey().derRepresentation)
            case "fresh-sec1": try Self.sec1(P256.Signing.PrivateKey())
            default: try self.bytes(self.string("key") ?? "")
            }
        var chain = try self.bytes("chain.der")
        if let length = self.int("padded_to_bytes") {
            chain += [UInt8](repeating: 0, count: Int(length) - chain.count)
        }
        _ = try X509SVID(certificatesDER: chain, privateKeyPKCS8DER: key)
    }

    /// An EC key in the form of SEC 1, which PKCS#8 wraps.
    private static func sec1(_ key: P256.Signing.PrivateKey) throws -> [UInt8] {
        let pkcs8 = Array(key.derRepresentation)
        let start = try #require(pkcs8.firstRange(of: [0x30, 0x6B, 0x02, 0x01, 0x01]))
        return Array(pkcs8[start.lowerBound...])
    }

    private func validateToken(_ location: SourceLocation) throws {
        let svid = try JWTSVID.validate(
            self.bytes("token.txt").text, audience: self.string("audience") ?? "", bundles: self.bundles(),
            now: self.now(), leeway: .seconds(self.int("leeway_seconds") ?? 0))
        #expect(svid.id.uri == self.string("id"), sourceLocation: location)
    }

    private func validatePresentation(_ location: SourceLocation) throws {
        let others = (self.members["other_tokens"]?.object?.members ?? []).map { ($0.name, $0.value.string ?? "") }
        let scope = try WorkloadProofScope(
            target: self.string("target") ?? "", accessToken: self.string("access_token"),
            transactionToken: self.string("transaction_token"), otherTokens: Dictionary(uniqueKeysWithValues: others))
        let svid = try VerifiedWITSVID.validate(
            self.bytes("token.txt").text, proof: try? self.bytes("proof.txt").text, for: scope, bundles: self.bundles(),
            now: self.now(), leeway: .seconds(self.int("leeway_seconds") ?? 0),
            maxLifetime: self.int("max_lifetime_seconds").map { .seconds($0) },
            maxProofLifetime: .seconds(self.int("max_proof_lifetime_seconds") ?? 60))
        #expect(svid.id.uri == self.string("id"), sourceLocation: location)
    }

    private func loadOwnWIT() throws {
        _ = try WITSVID(
            receivedFromWorkloadAPI: self.bytes("token.txt").text, privateKeyJWK: self.bytes("key.json").text)
    }

    private func readBundle(_ location: SourceLocation) throws {
        let example = try TrustDomain(parsing: "example.org")
        if var document = try? self.bytes("document.json") {
            if let length = self.int("padded_to_bytes") {
                document += [UInt8](repeating: 0x20, count: Int(length) - document.count)
            }
            let bundle = try TrustBundle(parsing: document, trustDomain: example)
            self.check(bundle, location)
            let again = try TrustBundle(parsing: bundle.document(), trustDomain: example)
            #expect(
                again.document() == bundle.document(), "a document is read as it was written", sourceLocation: location)
        } else if let keySet = try? self.bytes("jwks.json") {
            self.check(try TrustBundle(parsingJWTKeySet: keySet, trustDomain: example), location)
        } else if let keySet = try? self.bytes("wit-jwks.json") {
            self.check(try TrustBundle(parsingWITKeySet: keySet, trustDomain: example), location)
        } else if let der = try? self.bytes("certificates.der") {
            let certificates = try TrustBundle.parseCertificates(concatenatedDER: der)
            let bundle = TrustBundle(trustDomain: example, x509Authorities: certificates)
            self.check(bundle, location)
            // Nothing is left out but what the case says.
            if self.int("leaves_out_certificates") == nil {
                #expect(bundle.x509AuthoritiesDER() == der, sourceLocation: location)
            }
        } else if let pem = try? self.bytes("certificates.pem") {
            let certificates = try TrustBundle.parsePEM(pem.text)
            self.check(TrustBundle(trustDomain: example, x509Authorities: certificates), location)
        } else if let map = try? self.bytes("map.json") {
            let map = try TrustBundleMap(parsing: map)
            let names = map.bundles.all.map(\.trustDomain.name)
            #expect(names == self.members["trust_domains"]?.strings, sourceLocation: location)
        } else {
            let names = try self.bytes("trust-domains.txt").text.split(separator: "\n")
            _ = try TrustBundleMap(names.map { TrustBundle(trustDomain: try TrustDomain(parsing: String($0))) })
        }
    }

    private func check(_ bundle: TrustBundle, _ location: SourceLocation) {
        #expect(bundle.x509Authorities.count == self.int("x509_authorities").map(Int.init), sourceLocation: location)
        #expect(bundle.jwtAuthorities.count == self.int("jwt_authorities").map(Int.init), sourceLocation: location)
        #expect(bundle.witAuthorities.count == Int(self.int("wit_authorities") ?? 0), sourceLocation: location)
        let skipped = bundle.skipped.map { "\($0.index) \(Self.caseName(of: $0.reason))" }
        #expect(skipped == self.members["skipped"]?.strings, sourceLocation: location)
        if let sequence = self.string("sequence") {
            #expect(bundle.sequenceNumber.map { String($0) } == sequence, sourceLocation: location)
        }
        if let seconds = self.int("refresh_hint_seconds") {
            #expect(bundle.refreshHint == .seconds(seconds), sourceLocation: location)
        }
    }
}
