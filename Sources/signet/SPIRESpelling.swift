/// SPIRE's option spellings, translated to ours before anything is parsed.
///
/// SPIRE's tools take Go flags: one or two dashes, camel case, `-name value` or `-name=value`. Only the names listed
/// here are touched, so a value that happens to begin with a dash stays as it is.
enum SPIRESpelling {
    static let names: [String: String] = [
        "agentTTL": "agent-ttl",
        "attestationType": "attestation-type",
        "bindAddress": "bind-address",
        "canReattest": "can-reattest",
        "dataDir": "data-dir",
        "disableX509SVIDPrefetch": "disable-x509-svid-prefetch",
        "entryExpiry": "entry-expiry",
        "entryID": "entry-id",
        "expiresBefore": "expires-before",
        "federatesWith": "federates-with",
        "insecureBootstrap": "insecure-bootstrap",
        "joinToken": "join-token",
        "joinTokenFile": "join-token-file",
        "jwtSVIDIncludeJTI": "jwt-svid-include-jti",
        "jwtSVIDTTL": "jwt-svid-ttl",
        "logFormat": "log-format",
        "logLevel": "log-level",
        "matchFederatesWithOn": "match-federates-with-on",
        "matchSelectorsOn": "match-selectors-on",
        "parentID": "parent-id",
        "serverAddress": "server-address",
        "serverPort": "server-port",
        "socketPath": "socket-path",
        "spiffeID": "spiffe-id",
        "storeSVID": "store-svid",
        "trustBundle": "trust-bundle-path",
        "trustBundleFormat": "trust-bundle-format",
        "trustDomain": "trust-domain",
        "x509SVIDTTL": "x509-svid-ttl",
    ]

    /// Names that SPIRE and we write the same way; SPIRE's users put one dash before them.
    static let sameNames: Set<String> = [
        "admin", "audience", "banned", "config", "data", "dns", "downstream", "file", "format", "hint", "id", "node",
        "output",
        "selector", "silent", "svid", "timeout", "ttl", "write",
    ]

    /// Returns `arguments` with SPIRE's spellings replaced; everything after a bare `--` is left alone.
    static func translate(_ arguments: [String]) -> [String] {
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        return arguments[..<end].map(Self.translateOne) + arguments[end...]
    }

    private static func translateOne(_ argument: String) -> String {
        guard argument.hasPrefix("-") else { return argument }
        let bare = argument.drop { $0 == "-" }
        let dashes = argument.count - bare.count
        guard dashes <= 2, let name = bare.split(separator: "=", maxSplits: 1).first.map(String.init) else {
            return argument
        }
        let value = bare.dropFirst(name.count)
        if let ours = Self.names[name] { return "--\(ours)\(value)" }
        return dashes == 1 && Self.sameNames.contains(name) ? "--\(name)\(value)" : argument
    }
}
