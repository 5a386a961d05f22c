import Crypto
import CryptoExtras
import KeyManagement
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("Requests for certificates", .timeLimit(.minutes(1)))
struct X509SVIDRequestTests {
    private let key = Certificate.PrivateKey(P256.Signing.PrivateKey())

    private func serialized(_ request: CertificateSigningRequest) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(request)
        return serializer.serializedBytes
    }

    private func request(
        _ key: Certificate.PrivateKey, version: CertificateSigningRequest.Version = .v1,
        attributes: [CertificateSigningRequest.Attribute] = [],
        algorithm: Certificate.SignatureAlgorithm = .ecdsaWithSHA256
    ) throws -> [UInt8] {
        try self.serialized(
            CertificateSigningRequest(
                version: version, subject: DistinguishedName(), privateKey: key, attributes: .init(attributes),
                signatureAlgorithm: algorithm))
    }

    @Test("what is made is read back", arguments: KeyType.svidTypes)
    func roundTrip(type: KeyType) throws {
        let pair = try KeyPair.generate(type)
        let id = try SPIFFEID(parsing: "spiffe://example.org/web")
        let request = try X509SVIDRequest(
            parsing: X509SVIDRequest.make(key: pair.certificateKey, id: id, dnsNames: ["a.test", "b.test"]))
        #expect(request.publicKey == pair.certificateKey.publicKey)
        #expect(request.uriNames == ["spiffe://example.org/web"])
        #expect(request.dnsNames == ["a.test", "b.test"])
        #expect(request.subject.isEmpty)
    }

    @Test("a request without names is read")
    func withoutNames() throws {
        let request = try X509SVIDRequest(parsing: X509SVIDRequest.make(key: self.key, id: nil))
        #expect(request.uriNames == [])
        #expect(request.dnsNames == [])
    }

    @Test("an empty, cut or continued request is refused")
    func malformed() throws {
        let der = try X509SVIDRequest.make(key: self.key, id: nil)
        #expect(throws: X509SVIDRequestError.malformed) { try X509SVIDRequest(parsing: []) }
        #expect(throws: X509SVIDRequestError.malformed) { try X509SVIDRequest(parsing: der.dropLast()) }
        #expect(throws: X509SVIDRequestError.malformed) { try X509SVIDRequest(parsing: der + [0]) }
    }

    @Test("a request that is too long is refused unread")
    func tooLong() {
        #expect(throws: X509SVIDRequestError.tooLong(maxBytes: 16_384)) {
            try X509SVIDRequest(parsing: [UInt8](repeating: 0x30, count: 16_385))
        }
    }

    @Test("a request whose names were changed is refused")
    func changed() throws {
        var der = try X509SVIDRequest.make(key: self.key, id: SPIFFEID(parsing: "spiffe://example.org/web"))
        let position = try #require(der.indices.first { der[$0...].starts(with: Array("/web".utf8)) })
        der[position + 3] = UInt8(ascii: "c")
        #expect(throws: X509SVIDRequestError.invalidSignature) { try X509SVIDRequest(parsing: der) }
    }

    @Test("a request for somebody else's key is refused")
    func otherKey() throws {
        let other = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let signed = try CertificateSigningRequest(
            version: .v1, subject: DistinguishedName(), privateKey: self.key, attributes: .init([]))
        let forged = try CertificateSigningRequest(
            version: .v1, subject: DistinguishedName(), publicKey: other.publicKey, attributes: .init([]),
            signatureAlgorithm: signed.signatureAlgorithm, signature: signed.signature)
        #expect(throws: X509SVIDRequestError.invalidSignature) {
            try X509SVIDRequest(parsing: self.serialized(forged))
        }
    }

    @Test("another version is refused")
    func version() throws {
        let der = try self.request(self.key, version: .init(rawValue: 1))
        #expect(throws: X509SVIDRequestError.unsupportedVersion) { try X509SVIDRequest(parsing: der) }
    }

    @Test("an Ed25519 key is refused, when reading and when making")
    func ed25519() throws {
        let key = Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
        let der = try self.request(key, algorithm: .ed25519)
        #expect(throws: X509SVIDRequestError.unsupportedKey) { try X509SVIDRequest(parsing: der) }
        #expect(throws: X509SVIDRequestError.unsupportedKey) { try X509SVIDRequest.make(key: key, id: nil) }
    }

    @Test("an RSA key of 1024 bits is refused")
    func shortRSA() throws {
        let key = Certificate.PrivateKey(try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1_024)))
        let der = try self.request(key, algorithm: .sha256WithRSAEncryption)
        #expect(throws: X509SVIDRequestError.unsupportedKey) { try X509SVIDRequest(parsing: der) }
    }

    @Test("a signature with SHA-1 is refused")
    func sha1() throws {
        let key = Certificate.PrivateKey(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        let der = try self.request(key, algorithm: .sha1WithRSAEncryption)
        #expect(throws: X509SVIDRequestError.unsupportedSignature) { try X509SVIDRequest(parsing: der) }
    }

    @Test("requested extensions that are malformed or there twice are refused")
    func extensions() throws {
        let names = Certificate.Extension(
            oid: .X509ExtensionID.subjectAlternativeName, critical: false, value: [0x30, 0x03, 0x86, 0x05])
        let malformed = try CertificateSigningRequest.Attribute(
            ExtensionRequest(extensions: Certificate.Extensions([names])))
        #expect(throws: X509SVIDRequestError.malformedExtensions) {
            try X509SVIDRequest(parsing: self.request(self.key, attributes: [malformed]))
        }
        let usage = Certificate.Extension(
            oid: .X509ExtensionID.keyUsage, critical: true, value: [0x03, 0x02, 0x01, 0x06])
        let once = try CertificateSigningRequest.Attribute(
            ExtensionRequest(extensions: Certificate.Extensions([usage])))
        let item = try Array(#require(once.values.first).derBytes.dropFirst(2))
        let twice = CertificateSigningRequest.Attribute(
            oid: once.oid, values: [try ASN1Any(derEncoded: [0x30, UInt8(2 * item.count)] + item + item)])
        #expect(throws: X509SVIDRequestError.malformedExtensions) {
            try X509SVIDRequest(parsing: self.request(self.key, attributes: [twice]))
        }
    }

    @Test("X509-26: other requested extensions are not even looked at")
    func otherExtensions() throws {
        let usage = Certificate.Extension(
            oid: .X509ExtensionID.keyUsage, critical: true, value: [0x03, 0x02, 0x01, 0x06])
        let attribute = try CertificateSigningRequest.Attribute(
            ExtensionRequest(extensions: Certificate.Extensions([usage])))
        let request = try X509SVIDRequest(parsing: self.request(self.key, attributes: [attribute]))
        #expect(request.uriNames == [])
    }

    @Test("there are at most 256 names")
    func names() throws {
        let names = (0..<257).map { "n\($0)" }
        let der = try X509SVIDRequest.make(key: self.key, id: nil, dnsNames: Array(names.prefix(256)))
        #expect(try X509SVIDRequest(parsing: der).dnsNames.count == 256)
        let more = try X509SVIDRequest.make(key: self.key, id: nil, dnsNames: names)
        #expect(throws: X509SVIDRequestError.tooManyNames(limit: 256)) { try X509SVIDRequest(parsing: more) }
    }

    @Test("a signature with bits that do not count is refused")
    func unusedBits() throws {
        var request = try X509SVIDRequest.make(key: self.key, id: nil)
        let whole = try DER.parse(request[...])
        guard case .constructed(let parts) = whole.content else { throw X509SVIDRequestError.malformed }
        // The signature is the last: BIT STRING, length, how many bits of the last byte do not count.
        let signature = try #require(Array(parts).last).encodedBytes.startIndex
        #expect(request[signature] == 0x03 && request[signature + 2] == 0)
        request[signature + 2] = 1
        #expect(throws: X509SVIDRequestError.malformed) { try X509SVIDRequest(parsing: request) }
    }

    @Test("no changed, cut or repeated bytes trap or are taken for a request")
    func mutations() throws {
        let seeds = [
            try X509SVIDRequest.make(
                key: self.key, id: SPIFFEID(parsing: "spiffe://example.org/web"), dnsNames: ["a.test"]),
            try X509SVIDRequest.make(key: Certificate.PrivateKey(P384.Signing.PrivateKey()), id: nil),
        ]
        for mutation in Mutations(of: seeds, count: 2_000, seed: 11) where !seeds.contains(mutation) {
            #expect(throws: X509SVIDRequestError.self) { try X509SVIDRequest(parsing: mutation) }
        }
    }
}

extension ASN1Any {
    fileprivate var derBytes: [UInt8] {
        get throws {
            var serializer = DER.Serializer()
            try serializer.serialize(self)
            return serializer.serializedBytes
        }
    }
}
