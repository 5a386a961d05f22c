/// One key of a configuration section, with what `--help`, validation and the documentation say about it.
struct ConfigurationKey: Hashable {
    /// The dotted path inside the section, as in the file: `bind_port`, `ca_subject.country`.
    let path: String
    /// What a value looks like.
    let form: String
    let summary: String

    init(_ path: String, _ form: String, _ summary: String) {
        self.path = path
        self.form = form
        self.summary = summary
    }
}

/// The two sections a configuration file can have.
enum ConfigurationSection: String, CaseIterable {
    case server
    case agent

    /// Every key of the section; a key that is not here is refused.
    var keys: [ConfigurationKey] {
        switch self {
        case .server: Self.serverKeys + Self.oauthKeys + Self.auditKeys + Self.limitKeys + Self.loggingKeys
        case .agent: Self.agentKeys + Self.limitKeys + Self.loggingKeys
        }
    }

    private static let loggingKeys: [ConfigurationKey] = [
        .init("log_level", "trace|debug|info|notice|warning|error|critical", "default info"),
        .init("log_format", "text|json", "default text"),
    ]

    private static let serverKeys: [ConfigurationKey] = [
        .init("trust_domain", "name", "required; immutable once the data folder exists"),
        .init("data_dir", "path", "default /var/lib/signet/server"),
        .init("bind_address", "IP address", "default 0.0.0.0"),
        .init("bind_port", "0–65535", "default 8081; 0 lets the system choose"),
        .init("socket_path", "path", "default /run/signet/server/api.sock"),
        .init("min_tls_version", "1.2|1.3", "default 1.3"),
        .init("key_manager", "disk|memory", "default disk"),
        .init("ca_key_type", "ec-p256|ec-p384|rsa-2048|rsa-4096", "default ec-p256"),
        .init("ca_ttl", "duration", "default 24h"),
        .init("ca_subject.country", "text", "default US"),
        .init("ca_subject.organization", "text", "default SPIFFE"),
        .init("ca_subject.common_name", "text", "default none"),
        .init("jwt_key_type", "ec-p256|ec-p384|rsa-2048", "default: ca_key_type"),
        .init("jwt_issuer", "text", "default none: no iss claim"),
        .init("default_x509_svid_ttl", "duration", "default 1h; at most a sixth of ca_ttl"),
        .init("default_jwt_svid_ttl", "duration", "default 5m"),
        .init("wit_svid", "true|false", "issue WIT-SVIDs, whose standard is incubating; default false"),
        .init("wit_key_type", "ec-p256|ec-p384|rsa-2048", "with wit_svid only; default: ca_key_type"),
        .init("default_wit_svid_ttl", "duration", "with wit_svid only; default 1h"),
        .init("agent_ttl", "duration", "default: default_x509_svid_ttl"),
    ]

    static let oauthKeys: [ConfigurationKey] = [
        .init("oauth.issuer", "https URL", "the iss of access tokens; required where anything under oauth is set"),
        .init("oauth.bind_address", "IP address", "where OAuth clients connect; default 0.0.0.0"),
        .init("oauth.bind_port", "0–65535", "default 8443; 0 lets the system choose"),
        .init("oauth.serving_cert_file", "path", "the certificate clients know the server by, in PEM; followed"),
        .init("oauth.serving_key_file", "path", "its key, in PEM; followed"),
        .init("oauth.dns_names", "names", "in the server's own X509-SVID instead; default: the issuer's host"),
        .init("oauth.token_ttl", "5m–15m", "default 10m"),
        .init("oauth.minimum_library_version", "1.2.3", "older libraries of services get no tokens"),
        .init("oauth.signing_algorithm", "ES256|ES384|RS256|EdDSA", "default ES256"),
        .init("oauth.key_ttl", "duration", "how long a signing key lives, 90m or more; default 24h"),
    ]

    private static let auditKeys: [ConfigurationKey] = [
        .init("audit.file", "path", "records as JSON lines; default: audit.jsonl in data_dir"),
        .init("audit.max_file_bytes", "65536–1073741824", "then it is put aside as .1, .2, …; default 16 MiB"),
        .init("audit.max_files", "1–100", "of them the oldest go; default 8"),
        .init("audit.standard_output", "true|false", "records on standard output, too; default false"),
    ]

    private static let agentKeys: [ConfigurationKey] = [
        .init("trust_domain", "name", "required"),
        .init("data_dir", "path", "default /var/lib/signet/agent"),
        .init("server_address", "host name or IP address", "required"),
        .init("server_port", "1–65535", "default 8081"),
        .init("socket_path", "path", "default /run/signet/agent/api.sock"),
        .init("trust_bundle_path", "path", "the server's trust bundle, to know it the first time"),
        .init("trust_bundle_format", "pem|spiffe", "default pem"),
        .init("insecure_bootstrap", "true|false", "trust whoever answers the first time; default false"),
        .init("join_token", "token", "seen by others in process lists and files: prefer join_token_file"),
        .init("join_token_file", "path", "a file that holds the join token; - is standard input"),
        .init("workload_x509_svid_key_type", "ec-p256|ec-p384|rsa-2048", "default ec-p256"),
        .init("wit_svid", "true|false", "serve WIT-SVIDs, whose standard is incubating; default false"),
        .init("unix.discover_workload_path", "true|false", "offer unix:path and unix:sha256; default true"),
        .init("unix.workload_size_limit", "bytes", "largest program hashed for unix:sha256; default 256 MiB"),
    ]

    private static let limitKeys: [ConfigurationKey] = [
        .init("limits.max_concurrent_streams", "1 or more", "calls at once on one connection; default 2000"),
        .init("limits.max_streams_per_peer", "1 or more", "calls at once of one uid or identity; default 8192"),
        .init("limits.max_connections_per_peer", "1 or more", "default 4096"),
        .init("limits.max_connections", "1 or more", "over all peers; default: from the limit of open files"),
        .init("limits.max_request_bytes", "bytes", "one request message; default 4 MiB"),
        .init("limits.max_metadata_bytes", "bytes", "the headers of one call; default 16 KiB"),
        .init("limits.max_unanswered_resets", "1 or more", "resets of unanswered calls in 10 s; default 4000"),
        .init("limits.max_control_frames_per_second", "100 or more", "PING, SETTINGS, PRIORITY; default 10000"),
        .init("limits.handshake_timeout", "duration", "to the end of TLS handshake and preface; default 5s"),
        .init("limits.drain_timeout", "duration", "calls may go on so long after a stop began; default 5s"),
    ]
}
