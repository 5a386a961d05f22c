import Authority
import Crypto
import FoundationEssentials
import JOSE
import KeyManagement
import Rotation
import SPIFFE
import SwiftASN1
import TestSupport
import X509

/// A trust domain with its key manager and journal, which outlive "processes".
struct TestDomain {
    /// 2027-01-15 08:00:00 UTC.
    static let start = Date(timeIntervalSince1970: 1_800_000_000)

    let trustDomain: TrustDomain
    let keyManager = ScriptedKeyManager()
    let journal = ScriptedJournal()
    var configuration: AuthorityConfiguration

    init(
        caKeyType: KeyType = .ecP256, jwtKeyType: KeyType? = nil, witKeyType: KeyType? = nil,
        caTTL: Duration = .seconds(86_400), jwtIssuer: String? = nil
    ) throws {
        self.trustDomain = try TrustDomain(parsing: "example.org")
        self.configuration = try AuthorityConfiguration(
            trustDomain: self.trustDomain, caKeyType: caKeyType, jwtKeyType: jwtKeyType,
            witKeyType: witKeyType, caTTL: caTTL, jwtIssuer: jwtIssuer)
    }

    /// Starts as a new process does.
    func startRotation(now: Date = Self.start) async throws -> AuthorityRotation {
        try await AuthorityRotation.start(
            configuration: self.configuration, keyManager: self.keyManager, journal: self.journal, now: now)
    }

    /// The state of a new trust domain.
    func firstState(now: Date = Self.start) async throws -> AuthorityState {
        try await self.startRotation(now: now).state.current
    }

    func id(_ path: String) throws -> SPIFFEID {
        try SPIFFEID(trustDomain: self.trustDomain, path: path)
    }
}

/// A new public key as it stands in a request.
func newPublicKey() -> Certificate.PublicKey {
    Certificate.PublicKey(P256.Signing.PrivateKey().publicKey)
}

/// SHA-1 of the bits of a public key, in hexadecimal digits.
func keyHash(_ key: Certificate.PublicKey) -> String {
    Array(Insecure.SHA1.hash(data: key.subjectPublicKeyInfoBytes)).hex
}

func seconds(_ date: Date) -> JSONValue {
    .number(JSONNumber(Int64(date.timeIntervalSince1970)))
}

extension Date {
    static func + (date: Date, duration: Duration) -> Date { date.addingTimeInterval(duration / .seconds(1)) }
    static func - (date: Date, duration: Duration) -> Date { date.addingTimeInterval(-(duration / .seconds(1))) }
}

extension Duration {
    static func hours(_ hours: Int) -> Duration { .seconds(hours * 3_600) }
    static func days(_ days: Int) -> Duration { .seconds(days * 86_400) }
}

extension Certificate {
    /// The certificate with a byte of its DER changed and parsed again.
    func changing(_ part: [UInt8], to other: [UInt8]) throws -> Certificate {
        var der = self.derBytes
        guard let position = der.indices.first(where: { der[$0...].starts(with: part) }) else { return self }
        der.replaceSubrange(position..<position + part.count, with: other)
        return try Certificate(derEncoded: der)
    }
}
