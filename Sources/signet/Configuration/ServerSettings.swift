import Authority
import IdentityServer
import KeyManagement
import PeerTransport
import SPIFFE
import SPIFFETLS

/// Everything `signet server run` needs, read once and typed.
struct ServerSettings {
    enum KeyStorage: String, CaseIterable {
        case disk
        case memory
    }

    let server: IdentityServerConfiguration
    let authority: AuthorityConfiguration
    /// The keys of access tokens; nil where there is no section `oauth`.
    let tokenKeys: TokenKeyConfiguration?
    let dataDirectory: String
    let keyStorage: KeyStorage
    let audit: AuditSettings
    let logging: LoggingSettings

    /// Reads the section `server`; the keys and their defaults are listed in ``ConfigurationSection/keys``.
    ///
    /// - Throws: ``ConfigurationError`` naming the key.
    init(_ settings: Settings) throws(ConfigurationError) {
        let trustDomain = try settings.trustDomain()
        let x509TTL = try settings.lifetime("default_x509_svid_ttl", default: .seconds(3600))
        self.authority = try Self.authority(settings, trustDomain: trustDomain)

        var server = IdentityServerConfiguration(
            trustDomain: trustDomain, socketPath: try settings.socketPath(default: DefaultPath.serverSocket))
        server.bindAddress = try settings.ipAddress("bind_address", default: "0.0.0.0")
        server.bindPort = try settings.integer("bind_port", in: 0...65535, default: 8081)
        server.defaultX509SVIDTTL = x509TTL
        server.defaultJWTSVIDTTL = try settings.lifetime("default_jwt_svid_ttl", default: .seconds(300))
        server.defaultWITSVIDTTL = try settings.lifetime("default_wit_svid_ttl", default: .seconds(3600))
        server.agentTTL = try settings.lifetime("agent_ttl", default: x509TTL)
        server.minTLSVersion = try settings.choice("min_tls_version", default: TLSVersionName.v13).version
        server.limits = try settings.limits()
        let oauth = try settings.oauth()
        server.authorizationServer = oauth?.server
        self.tokenKeys = oauth?.keys
        self.server = server

        self.dataDirectory = try settings.folder("data_dir", default: DefaultPath.serverData)
        self.audit = try settings.audit(dataDirectory: self.dataDirectory)
        self.keyStorage = try settings.choice("key_manager", default: KeyStorage.disk)
        self.logging = try LoggingSettings(settings)
        try self.checkLifetimes()
    }

    private static func authority(
        _ settings: Settings, trustDomain: TrustDomain
    ) throws(ConfigurationError) -> AuthorityConfiguration {
        let caKeyType = try settings.choice("ca_key_type", default: .ecP256, among: KeyType.svidTypes)
        let jwtKeyType = try settings.choice("jwt_key_type", default: caKeyType, among: KeyType.svidTypes)
        let witKeyType = try Self.witKeyType(settings, default: caKeyType)
        let caTTL = try settings.lifetime("ca_ttl", default: .seconds(86_400))
        do throws(AuthorityConfigurationError) {
            let standard = AuthoritySubject.standard
            return try AuthorityConfiguration(
                trustDomain: trustDomain, caKeyType: caKeyType, jwtKeyType: jwtKeyType,
                witKeyType: witKeyType, caTTL: caTTL,
                caSubject: AuthoritySubject(
                    country: settings.text("ca_subject.country") ?? standard.country,
                    organization: settings.text("ca_subject.organization") ?? standard.organization,
                    commonName: settings.text("ca_subject.common_name") ?? standard.commonName),
                jwtIssuer: settings.text("jwt_issuer"))
        } catch {
            throw Self.refusal(error, settings)
        }
    }

    /// What the authorities refuse, under the name of its key.
    private static func refusal(_ error: AuthorityConfigurationError, _ settings: Settings) -> ConfigurationError {
        let key: String
        switch error {
        case .emptyLabel: key = "trust_domain"
        case .invalidCATTL: key = "ca_ttl"
        case .invalidJWTIssuer: key = "jwt_issuer"
        case .invalidSubject(let part): key = "ca_subject.\(part.replacing(" ", with: "_"))"
        default: return .refused(reason: "server: \(error)")
        }
        return .refused(reason: "'\(settings.name(of: key))' is '\(settings.text(key) ?? "")': \(error)")
    }

    /// The kind of key of WIT authorities; nil unless `wit_svid` switches them on.
    ///
    /// A setting of theirs without it would do nothing, and is refused.
    private static func witKeyType(
        _ settings: Settings, default caKeyType: KeyType
    ) throws(ConfigurationError) -> KeyType? {
        if try settings.flag("wit_svid", default: false) {
            return try settings.choice("wit_key_type", default: caKeyType, among: KeyType.svidTypes)
        }
        for key in ["wit_key_type", "default_wit_svid_ttl"] where settings.text(key) != nil {
            throw .contradiction(
                keys: [settings.name(of: key), settings.name(of: "wit_svid")],
                reason: "WIT-SVIDs are not issued unless wit_svid is true")
        }
        return nil
    }

    /// Refuses default lifetimes that the authorities cannot always grant.
    private func checkLifetimes() throws(ConfigurationError) {
        let lifetimes =
            [
                ("default_x509_svid_ttl", self.server.defaultX509SVIDTTL),
                ("default_jwt_svid_ttl", self.server.defaultJWTSVIDTTL), ("agent_ttl", self.server.agentTTL),
            ] + (self.authority.witKeyType == nil ? [] : [("default_wit_svid_ttl", self.server.defaultWITSVIDTTL)])
        for (key, lifetime) in lifetimes where lifetime > self.authority.guaranteedTTL {
            throw .invalid(
                key: "server.\(key)", value: DurationText.format(lifetime),
                expected:
                    "at most \(DurationText.format(self.authority.guaranteedTTL)), which is what authorities that live "
                    + "\(DurationText.format(self.authority.caTTL)) (server.ca_ttl) can always grant")
        }
    }
}

/// Where things are when nothing else is said.
enum DefaultPath {
    static let serverSocket = "/run/signet/server/api.sock"
    static let agentSocket = "/run/signet/agent/api.sock"
    static let serverData = "/var/lib/signet/server"
    static let agentData = "/var/lib/signet/agent"
    static let serverConfiguration = "/etc/signet/server.yaml"
    static let agentConfiguration = "/etc/signet/agent.yaml"
}

/// `min_tls_version` as written in the file.
enum TLSVersionName: String, CaseIterable {
    case v12 = "1.2"
    case v13 = "1.3"

    var version: MinimumTLSVersion {
        switch self {
        case .v12: .tlsv12
        case .v13: .tlsv13
        }
    }
}

extension Settings {
    func trustDomain() throws(ConfigurationError) -> TrustDomain {
        let name = try self.required("trust_domain", hint: "the name of the trust domain, as example.org")
        do {
            return try TrustDomain(nameOrID: name)
        } catch {
            throw .invalid(key: self.name(of: "trust_domain"), value: name, expected: "a trust domain name: \(error)")
        }
    }
}
