import IdentityAgent
import KeyManagement
import PeerTransport
import SPIFFE

/// Everything `signet agent run` needs, read once and typed.
struct AgentSettings {
    enum BundleFormat: String, CaseIterable {
        case pem
        case spiffe
    }

    let agent: IdentityAgentConfiguration
    let logging: LoggingSettings
    let discoversWorkloadPath: Bool
    let workloadSizeLimit: Int

    /// The join token came by option, environment or configuration file, where others can see it.
    let joinTokenIsExposed: Bool

    /// Reads the section `agent`; the keys and their defaults are listed in ``ConfigurationSection/keys``.
    ///
    /// The files that `trust_bundle_path` and `join_token_file` name are read here, so that what is wrong with them is
    /// said before anything starts.
    ///
    /// - Throws: ``ConfigurationError`` naming the key.
    init(_ settings: Settings) throws(ConfigurationError) {
        let trustDomain = try settings.trustDomain()
        let address = try settings.required("server_address", hint: "the host name or IP address of the Signet server")
        var agent = IdentityAgentConfiguration(
            trustDomain: trustDomain, serverAddress: address,
            serverPort: try settings.integer("server_port", in: 1...65535, default: 8081),
            dataDirectory: settings.text("data_dir", default: DefaultPath.agentData),
            socketPath: settings.text("socket_path", default: DefaultPath.agentSocket))
        agent.bootstrap = try Self.bootstrap(settings, trustDomain: trustDomain)
        agent.joinToken = try Self.joinToken(settings)
        agent.workloadKeyType = try settings.choice("workload_x509_svid_key_type", default: KeyType.ecP256)
        agent.limits = try settings.limits()
        agent.version = SignetVersion.current
        self.agent = agent
        self.logging = try LoggingSettings(settings)
        self.discoversWorkloadPath = try settings.flag("unix.discover_workload_path", default: true)
        self.workloadSizeLimit = try settings.integer("unix.workload_size_limit", in: 1...Int.max, default: 268_435_456)
        self.joinTokenIsExposed = settings.text("join_token") != nil
    }

    private static func bootstrap(
        _ settings: Settings, trustDomain: TrustDomain
    ) throws(ConfigurationError) -> IdentityAgentConfiguration.Bootstrap {
        let insecure = try settings.flag("insecure_bootstrap", default: false)
        guard let path = settings.text("trust_bundle_path") else { return insecure ? .insecure : .identityOnDisk }
        guard !insecure else {
            throw .contradiction(
                keys: [settings.name(of: "trust_bundle_path"), settings.name(of: "insecure_bootstrap")],
                reason: "give one of them")
        }
        let bytes = try Self.read(
            path, key: settings.name(of: "trust_bundle_path"), maxBytes: TrustBundle.maxDocumentBytes)
        do {
            switch try settings.choice("trust_bundle_format", default: BundleFormat.pem) {
            case .spiffe:
                return .bundle(try TrustBundle(parsing: bytes, trustDomain: trustDomain))
            case .pem:
                let certificates = try TrustBundle.parsePEM(String(decoding: bytes, as: UTF8.self))
                return .bundle(TrustBundle(trustDomain: trustDomain, x509Authorities: certificates))
            }
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw .invalid(
                key: settings.name(of: "trust_bundle_path"), value: path, expected: "a trust bundle: \(error)")
        }
    }

    private static func joinToken(_ settings: Settings) throws(ConfigurationError) -> String? {
        guard let path = settings.text("join_token_file") else { return settings.text("join_token") }
        let key = settings.name(of: "join_token_file")
        guard settings.text("join_token") == nil else {
            throw .contradiction(keys: [settings.name(of: "join_token"), key], reason: "give one of them")
        }
        let bytes = try Self.read(path, key: key, maxBytes: 4096)
        let token = String(decoding: bytes, as: UTF8.self).trimmingWhitespace()
        guard !token.isEmpty else { throw .invalid(key: key, value: path, expected: "a file that holds a join token") }
        return token
    }

    private static func read(_ path: String, key: String, maxBytes: Int) throws(ConfigurationError) -> [UInt8] {
        do throws(InputFileError) {
            return try InputFile.read(path, maxBytes: maxBytes)
        } catch {
            throw .invalid(key: key, value: path, expected: "a readable file: \(error.reason)")
        }
    }
}

extension String {
    /// The text without white space and line ends around it.
    func trimmingWhitespace() -> String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
