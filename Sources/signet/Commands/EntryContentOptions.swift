import ArgumentParser
import ControlPlaneProtos

/// The options that say what a registration entry holds; `create` and `update` share them.
struct EntryContentOptions: ParsableArguments {
    @Option(help: "The SPIFFE ID to issue.") var spiffeID: String?
    @Option(help: "Who hands it out: an agent's SPIFFE ID, or its alias.") var parentID: String?
    @Flag(help: "An entry for agents: the parent is the server.") var node = false
    @Option(name: .long, help: "A selector type:value; repeat for several, all must match.") var selector: [String] = []
    @Option(
        name: [.customLong("x509-svid-ttl"), .customLong("ttl")],
        help: "Seconds an X509-SVID lives, or as 1h (0: the server's default).",
        transform: LifetimeOption.init(argument:))
    var x509SVIDTTL = LifetimeOption.serverDefault
    @Option(
        name: .customLong("jwt-svid-ttl"), help: "Seconds a JWT-SVID lives, or as 5m (0: the server's default).",
        transform: LifetimeOption.init(argument:))
    var jwtSVIDTTL = LifetimeOption.serverDefault
    @Option(help: "A trust domain whose bundle comes with the identity; repeatable.") var federatesWith: [String] = []
    @Option(help: "A DNS name for the X509-SVID; repeatable.") var dns: [String] = []
    @Option(help: "Tells identities of one workload apart.") var hint = ""
    @Option(help: "When the entry ends, seconds since 1970 (0: never).") var entryExpiry: Int64 = 0
    @Flag(help: "The identity may administer the server.") var admin = false
    @Flag(help: "The identity may run a downstream server.") var downstream = false
    @Flag(help: "Kept in a secret store by the agent.") var storeSVID = false
    @Flag(name: .customLong("disable-x509-svid-prefetch"), help: "Issue the X509-SVID only when it is asked for.")
    var disableX509SVIDPrefetch = false
    @Flag(name: .customLong("jwt-svid-include-jti"), help: "Give each JWT-SVID a jti.") var jwtSVIDIncludeJTI = false
    @Option(help: "A file with entries as JSON ({\"entries\": […]}); - is standard input.") var data: String?

    /// The entries the options describe.
    ///
    /// - Throws: ``UsageError`` when what is required is missing, or when `--data` comes with other content.
    func entries(id: String?) throws -> [Spire_Api_Types_Entry] {
        if let data {
            guard self.spiffeID == nil, self.parentID == nil, self.selector.isEmpty, id == nil else {
                throw UsageError("--data: give the entries in the file or as options, not both")
            }
            return try EntryFile.read(data)
        }
        return [try self.entry(id: id)]
    }

    /// What the entries are called where one is to blame: with their place in the file, when there is one.
    func names(of entries: [String]) -> [String] {
        self.data == nil ? entries : entries.enumerated().map { "entries[\($0.offset)] \($0.element)" }
    }

    private func entry(id: String?) throws -> Spire_Api_Types_Entry {
        guard let spiffeID else { throw UsageError("--spiffe-id is required") }
        guard !self.selector.isEmpty else { throw UsageError("--selector is required: at least one") }
        var entry = Spire_Api_Types_Entry()
        entry.id = id ?? ""
        entry.spiffeID = try .init(argument: spiffeID, option: "--spiffe-id")
        entry.parentID = try self.parent(of: entry.spiffeID)
        entry.selectors = try self.selector.map { try .init(argument: $0) }
        entry.x509SvidTtl = self.x509SVIDTTL.seconds
        entry.jwtSvidTtl = self.jwtSVIDTTL.seconds
        entry.federatesWith = self.federatesWith
        entry.dnsNames = self.dns
        entry.hint = self.hint
        entry.expiresAt = self.entryExpiry
        entry.admin = self.admin
        entry.downstream = self.downstream
        entry.storeSvid = self.storeSVID
        if self.disableX509SVIDPrefetch || self.jwtSVIDIncludeJTI {
            entry.additionalAttributes.disableX509SvidPrefetch = self.disableX509SVIDPrefetch
            entry.additionalAttributes.jwtSvidIncludeJti = self.jwtSVIDIncludeJTI
        }
        return entry
    }

    private func parent(of id: Spire_Api_Types_SPIFFEID) throws -> Spire_Api_Types_SPIFFEID {
        if self.node {
            guard self.parentID == nil else { throw UsageError("--node and --parent-id exclude each other") }
            return try .init(argument: "spiffe://\(id.trustDomain)/spire/server", option: "--node")
        }
        guard let parentID else { throw UsageError("--parent-id is required (or --node)") }
        return try .init(argument: parentID, option: "--parent-id")
    }
}
