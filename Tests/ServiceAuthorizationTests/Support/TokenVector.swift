import AccessTokens
import FoundationEssentials
import JOSE
import SPIFFE
import ServiceAuthorization
import Testing

/// One folder of `pki/vectors/access-token`, as a service meets it: a token, the state, the peer, and what is demanded.
struct TokenVector: Sendable, CustomTestStringConvertible {
    private static let root =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        + "/pki/vectors/access-token"

    /// Those that are refused, by name; a case.json that cannot be read is left out, which a test notices.
    static let refused: [TokenVector] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Self.root)) ?? []
        return names.sorted().compactMap { try? TokenVector(named: $0) }.filter { $0.reason != "accept" }
    }()

    let name: String
    private let members: JSONObject

    init(named name: String) throws {
        let bytes = try Array(Data(contentsOf: URL(filePath: "\(Self.root)/\(name)/case.json")))
        self.members = try #require(try JSON.parse(bytes, maxBytes: 65_536).object)
        self.name = name
    }

    var testDescription: String { self.name }
    /// `accept`, or the name of the error; what is within it follows a slash in the file.
    var reason: String { String((self.members["expect"]?.string ?? "").prefix { $0 != "/" }) }
    var leeway: Duration { .seconds(self.members["leeway_seconds"]?.number?.int64 ?? 0) }

    func token() throws -> String { String(decoding: try self.bytes("token.txt"), as: UTF8.self) }

    func now() throws -> Date { try Date(self.members["now"]?.string ?? "", strategy: .iso8601) }

    func state() throws -> TokenState {
        let revocations = try (self.members["revocations"]?.array ?? []).map { try Self.revocation($0) }
        let now = try self.now()
        return try TokenState(
            issuer: TestIssuer.issuer, keys: AccessTokenKeys(parsing: self.bytes("keys.json")),
            revocations: RevocationState(revocations, now: now), knownAt: now)
    }

    func peer() throws -> TokenPeer {
        let digits = Array((self.members["peer_certificate_sha256"]?.string ?? "").utf8)
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        return TokenPeer(
            id: try SPIFFEID(parsing: self.members["peer"]?.string ?? TestIssuer.orders), certificateSHA256: bytes,
            certificateSerial: "a1")
    }

    func rule() throws -> RouteRule {
        if let any = self.members["any"]?.string { return RouteRule(.any(try ScopeSet(parsing: any))) }
        return RouteRule(.all(try ScopeSet(parsing: self.members["all"]?.string ?? "")))
    }

    private func bytes(_ file: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: "\(Self.root)/\(self.name)/\(file)")))
    }

    private static func revocation(_ value: JSONValue) throws -> Revocation {
        let entry = try #require(value.object)
        let target: Revocation.Target =
            if let tokenID = entry["jti"]?.string {
                .token(tokenID)
            } else if let id = entry["spiffe_id"]?.string {
                .subject(try SPIFFEID(parsing: id))
            } else if let serial = entry["certificate_serial"]?.string {
                .certificate(serial)
            } else {
                .key(try #require(entry["kid"]?.string))
            }
        let moments = try ["revoked_at", "expires_at"].map { name in
            Date(timeIntervalSince1970: try #require(entry[name]?.number?.double))
        }
        return Revocation(target, revokedAt: moments[0], expiresAt: moments[1])
    }
}
