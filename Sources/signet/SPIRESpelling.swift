/// SPIRE's option spellings, translated to ours before anything is parsed.
///
/// SPIRE's tools take Go flags: one or two dashes, camel case, `-name value` or `-name=value`. A value that begins with a
/// dash is given as `--name=-value`.
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
        "keyType": "key-type",
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

    /// Options without a value; Go's flags may say `=true` and `=false`.
    static let flags: Set<String> = [
        "admin", "disable-x509-svid-prefetch", "downstream", "insecure-bootstrap", "jwt-svid-include-jti", "shallow",
        "silent", "store-svid", "verbose", "dry-run", "in-force", "with-grants",
    ]

    /// Returns `arguments` with SPIRE's spellings replaced; everything after a bare `--` is left alone.
    static func translate(_ arguments: [String]) -> [String] {
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        return arguments[..<end].flatMap(Self.translateOne) + arguments[end...]
    }

    /// A word of several letters behind one dash becomes a long option: there are no clusters of short ones, and as one
    /// `-shallow` would ask for help.
    private static func translateOne(_ argument: String) -> [String] {
        let bare = argument.drop { $0 == "-" }
        let dashes = argument.count - bare.count
        guard 1...2 ~= dashes, let name = bare.split(separator: "=", maxSplits: 1).first.map(String.init),
            name.first?.isLetter == true, dashes == 2 || name.count > 1
        else { return [argument] }
        let ours = Self.names[name] ?? name
        let value = bare.dropFirst(name.count)
        if Self.flags.contains(ours) {
            if value == "=true" { return ["--\(ours)"] }
            if value == "=false" { return [] }
        }
        return ["--\(ours)\(value)"]
    }
}
