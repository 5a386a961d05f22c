import AccessGrants
import AccessTokens
import FoundationEssentials
import Registration
import SPIFFE

/// Short spellings for services and grants of `example.org`.
enum GrantFixture {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)

    static func trustDomain() throws -> TrustDomain { try TrustDomain(parsing: "example.org") }

    static func id(_ path: String) throws -> SPIFFEID { try SPIFFEID(parsing: "spiffe://example.org\(path)") }

    static func pattern(_ path: String) throws -> SPIFFEIDPattern {
        try SPIFFEIDPattern(parsing: "spiffe://example.org\(path)", in: self.trustDomain())
    }

    static func service(
        _ name: String = "payments", members: String? = nil, audience: String? = nil, owners: [String] = ["team"],
        summary: String = "", binding: BindingRule = .identity
    ) throws -> RegisteredService {
        try RegisteredService(
            name: ServiceName(parsing: name), members: self.pattern(members ?? "/\(name)"),
            audience: audience.map { try AudienceURI(parsing: $0) }, owners: owners, summary: summary,
            binding: binding, createdBy: .uid(0), createdAt: self.now)
    }

    static func grant(
        _ id: String = "g", from caller: String = "/orders", to service: String = "payments",
        _ scopes: [String] = ["payments:create"], lifetime: Int64? = nil, until notAfter: Date? = nil,
        reason: String = ""
    ) throws -> Grant {
        try Grant(
            id: id, caller: self.pattern(caller), service: ServiceName(parsing: service),
            scopes: ScopeSet(parsing: scopes),
            maximumLifetime: lifetime.map { .seconds($0) }, notAfter: notAfter, reason: reason, createdBy: .uid(0),
            createdAt: self.now)
    }

    static func policy(_ services: [RegisteredService], _ grants: [Grant]) -> AccessPolicy {
        AccessPolicy(services: services, grants: grants)
    }
}
