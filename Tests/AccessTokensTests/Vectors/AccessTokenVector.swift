import AccessTokens
import FoundationEssentials
import JOSE
import SPIFFE
import Testing

/// One folder of `pki/vectors/access-token`: a case.json, the token, and the issuer's keys.
struct AccessTokenVector: Sendable, CustomTestStringConvertible {
    static let issuer = "https://issuer.example.org"
    static let audience = "spiffe://example.org/payments"

    let name: String
    let members: JSONObject

    /// `accept`, or the label of the error; that of the error within follows a slash.
    var expected: String { self.string("expect") ?? "" }
    var testDescription: String { self.name }

    func string(_ member: String) -> String? { self.members[member]?.string }
    func int(_ member: String) -> Int64? { self.members[member]?.number?.int64 }

    /// Runs the case; `accept`, or the label of what was thrown.
    func outcome() throws -> String {
        let keys = try AccessTokenKeys(parsing: self.bytes("keys.json"))
        let token = String(decoding: try self.bytes("token.txt"), as: UTF8.self)
        let now = try self.now()
        let (peer, rules, revocations) = try (self.peer(), self.rules(), self.revocations(now: now))
        do throws(AccessTokenError) {
            let accessToken = try AccessToken.validate(
                token, from: peer, keys: keys, rules: rules, revocations: revocations, now: now)
            if let requirement = try? self.requirement() { try accessToken.require(requirement) }
            return "accept"
        } catch {
            return Self.label(of: error)
        }
    }

    static func label(of error: AccessTokenError) -> String {
        switch error {
        case .token(let inner): error.label + "/" + String(String(describing: inner).prefix { $0 != "(" })
        case .invalidSubject(let inner): error.label + "/" + inner.label
        case .scope(let inner): error.label + "/" + inner.label
        default: error.label
        }
    }

    func token() throws -> String { String(decoding: try self.bytes("token.txt"), as: UTF8.self) }

    func now() throws -> Date { try Date(self.string("now") ?? "", strategy: .iso8601) }

    func rules() throws -> AccessTokenRules {
        AccessTokenRules(
            issuer: Self.issuer, audience: Self.audience, trustDomains: [try TrustDomain(parsing: "example.org")],
            leeway: .seconds(self.int("leeway_seconds") ?? 0))
    }

    func peer() throws -> TokenPeer {
        let hexadecimal = Array((self.string("peer_certificate_sha256") ?? "").utf8)
        let bytes = stride(from: 0, to: hexadecimal.count, by: 2).compactMap { start in
            UInt8(String(decoding: hexadecimal[start..<start + 2], as: UTF8.self), radix: 16)
        }
        return TokenPeer(
            id: try SPIFFEID(parsing: self.string("peer") ?? "spiffe://example.org/orders"),
            certificateSHA256: bytes, certificateSerial: "a1")
    }

    private func requirement() throws -> ScopeRequirement? {
        if let all = self.string("all") { return .all(try ScopeSet(parsing: all)) }
        if let any = self.string("any") { return .any(try ScopeSet(parsing: any)) }
        return nil
    }

    private func revocations(now: Date) throws -> RevocationState {
        let entries = (self.members["revocations"]?.array ?? []).compactMap(\.object)
        return try RevocationState(entries.map(Self.revocation), now: now)
    }

    private static func revocation(_ entry: JSONObject) throws -> Revocation {
        let target: Revocation.Target
        switch (entry["jti"]?.string, entry["spiffe_id"]?.string, entry["certificate_serial"]?.string) {
        case (let tokenID?, _, _): target = .token(tokenID)
        case (_, let id?, _): target = .subject(try SPIFFEID(parsing: id))
        case (_, _, let serial?): target = .certificate(serial)
        default: target = .key(try #require(entry["kid"]?.string))
        }
        let moments = try ["revoked_at", "expires_at"].map { name in
            Date(timeIntervalSince1970: try #require(entry[name]?.number?.double))
        }
        return Revocation(target, revokedAt: moments[0], expiresAt: moments[1])
    }
}

extension AccessTokenVector {
    static let root = repositoryRoot() + "pki/vectors/access-token"

    /// All cases by name; a case.json that cannot be read is left out, which a test notices.
    static let all: [AccessTokenVector] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Self.root)) ?? []
        return names.sorted().compactMap { try? AccessTokenVector(named: $0) }
    }()

    init(named name: String) throws {
        let bytes = try Array(Data(contentsOf: URL(filePath: Self.root + "/\(name)/case.json")))
        self.members = try #require(try JSON.parse(bytes, maxBytes: 65_536).object)
        self.name = name
    }

    func bytes(_ file: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: Self.root + "/\(self.name)/\(file)")))
    }
}

/// The folder of the repository, with a slash at the end.
func repositoryRoot(file: String = #filePath) -> String {
    // Tests/AccessTokensTests/Vectors/AccessTokenVector.swift
    file.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/") + "/"
}
