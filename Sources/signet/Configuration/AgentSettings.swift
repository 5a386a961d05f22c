import FoundationEssentials
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

    /// What could not be read of the files that are needed the first time.
    private let unreadFiles: [ConfigurationError]

    /// Reads the section `agent`; the keys and their defaults are listed in ``ConfigurationSection/keys``.
    ///
    /// The files that `trust_bundle_path` and `join_token_file` name are read here; what is wrong with them,
    /// ``checkFiles(now:)`` says.
    ///
    /// - Parameter readsStandardInput: Whether `-` is read. Default: it is.
    /// - Throws: ``ConfigurationError`` naming the key.
    init(_ settings: Settings, readsStandardInput: Bool = true) throws(ConfigurationError) {
        let trustDomain = try settings.trustDomain()
        let address = try settings.required("server_address", hint: "the host name or IP address of the Signet server")
        var agent = IdentityAgentConfiguration(
            trustDomain: trustDomain, serverAddress: address,
            serverPort: try settings.integer("server_port", in: 1...65535, default: 8081),
            dataDirectory: try settings.folder("data_dir", default: DefaultPath.agentData),
            socketPath: try settings.socketPath(default: DefaultPath.agentSocket))
        try Self.checkStandardInput(settings)
        var unreadFiles: [ConfigurationError] = []
        switch try Self.bootstrap(settings, trustDomain: trustDomain, readsStandardInput: readsStandardInput) {
        case .success(let bootstrap): agent.bootstrap = bootstrap
        case .failure(let error): unreadFiles.append(error)
        }
        switch try Self.joinToken(settings, readsStandardInput: readsStandardInput) {
        case .success(let token): agent.joinToken = token
        case .failure(let error): unreadFiles.append(error)
        }
        self.unreadFiles = unreadFiles
        agent.workloadKeyType = try settings.choice(
            "workload_x509_svid_key_type", default: .ecP256, among: KeyType.svidTypes)
        agent.servesWIT = try settings.flag("wit_svid", default: false)
        agent.limits = try settings.limits()
        agent.version = SignetVersion.current
        self.agent = agent
        self.logging = try LoggingSettings(settings)
        self.discoversWorkloadPath = try settings.flag("unix.discover_workload_path", default: true)
        self.workloadSizeLimit = try settings.integer("unix.workload_size_limit", in: 1...Int.max, default: 268_435_456)
        self.joinTokenIsExposed = try Self.joinTokenKey(settings) == "join_token"
    }

    /// Refuses what could not be read of the files that `trust_bundle_path` and `join_token_file` name.
    ///
    /// An agent that has been attested needs neither: they may be gone.
    ///
    /// - Returns: What could not be read, where there is a valid identity on disk.
    /// - Throws: ``ConfigurationError`` naming the key, where there is none.
    func checkFiles(now: Date) async throws(ConfigurationError) -> [ConfigurationError] {
        guard let first = self.unreadFiles.first else { return [] }
        let store = AgentDataStore(directory: self.agent.dataDirectory, trustDomain: self.agent.trustDomain)
        guard await store.hasIdentity(validAt: now) else { throw first }
        return self.unreadFiles
    }

    private static func bootstrap(
        _ settings: Settings, trustDomain: TrustDomain, readsStandardInput: Bool
    ) throws(ConfigurationError) -> Result<IdentityAgentConfiguration.Bootstrap, ConfigurationError> {
        let insecure = "insecure_bootstrap"
        let path = "trust_bundle_path"
        _ = try settings.flag(insecure, default: false)
        let format = try settings.choice("trust_bundle_format", default: BundleFormat.pem)
        switch try settings.strongest(of: path, insecure, where: { $0 != "false" }) {
        case insecure?: return .success(.insecure)
        case path?:
            return Result { () throws(ConfigurationError) in
                let bundle = try Self.bundle(
                    settings, format: format, trustDomain: trustDomain, readsStandardInput: readsStandardInput)
                return bundle.map { .bundle($0) } ?? .identityOnDisk
            }
        default: return .success(.identityOnDisk)
        }
    }

    /// - Returns: `nil` where it would come from standard input, which is not read.
    private static func bundle(
        _ settings: Settings, format: BundleFormat, trustDomain: TrustDomain, readsStandardInput: Bool
    ) throws(ConfigurationError) -> TrustBundle? {
        let key = settings.name(of: "trust_bundle_path")
        let path = settings.text("trust_bundle_path", default: "")
        guard path != "-" || readsStandardInput else { return nil }
        let bytes = try Self.read(path, key: key, maxBytes: TrustBundle.maxDocumentBytes)
        do {
            switch format {
            case .spiffe: return try TrustBundle(parsing: bytes, trustDomain: trustDomain)
            case .pem:
                let certificates = try TrustBundle.parsePEM(String(decoding: bytes, as: UTF8.self))
                return TrustBundle(trustDomain: trustDomain, x509Authorities: certificates)
            }
        } catch {
            throw .invalid(key: key, value: path, expected: "a trust bundle: \(error)")
        }
    }

    /// The key that gives the join token; `nil` when none does.
    private static func joinTokenKey(_ settings: Settings) throws(ConfigurationError) -> String? {
        try settings.strongest(of: "join_token", "join_token_file")
    }

    private static func joinToken(
        _ settings: Settings, readsStandardInput: Bool
    ) throws(ConfigurationError) -> Result<String?, ConfigurationError> {
        guard let key = try Self.joinTokenKey(settings), let value = settings.text(key) else { return .success(nil) }
        guard key == "join_token_file" else { return .success(value) }
        guard value != "-" || readsStandardInput else { return .success(nil) }
        return Result { () throws(ConfigurationError) in
            let bytes = try Self.read(value, key: settings.name(of: key), maxBytes: 4096)
            let token = String(decoding: bytes, as: UTF8.self).trimmingWhitespace()
            guard !token.isEmpty else {
                throw .invalid(key: settings.name(of: key), value: value, expected: "a file that holds a join token")
            }
            return token
        }
    }

    /// Refuses two readers of standard input: the second would find nothing.
    private static func checkStandardInput(_ settings: Settings) throws(ConfigurationError) {
        let keys = ["trust_bundle_path", "join_token_file"]
        guard keys.allSatisfy({ settings.text($0) == "-" }) else { return }
        throw .contradiction(
            keys: keys.map { settings.name(of: $0) }, reason: "only one of them can be read from standard input")
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
