import AccessTokens
import ArgumentParser
import AuthorizationHummingbird
import Hummingbird
import HummingbirdCore
import Logging
import SPIFFE
import SPIFFEHummingbird
import SPIFFETLS
import ServiceAuthorization
import ServiceLifecycle
import UnixSignals
import WorkloadAPI

/// `serve-api`: an HTTP service whose routes demand access tokens.
struct ServeAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve-api", abstract: "Answer requests that bring the right access token, until SIGTERM.",
        discussion: """
            POST /payments needs the scope payments:create, GET /payments the scope payments:read; GET /healthz needs \
            none, and GET /forgotten has no rule. Each decision is printed, with its reason.
            """)

    @OptionGroup var options: ServiceOptions

    @Option(help: "The issuer of access tokens, as in their iss.")
    var issuer: String

    @Option(help: "The TCP port to listen on; 0 takes a free one.")
    var port: UInt16 = 0

    @Option(help: "A file to write the port to, once requests are answered.")
    var portFile: String?

    func validate() throws {
        guard !self.issuer.isEmpty else { throw ValidationError("The issuer has a name.") }
    }

    func run() async throws {
        let (source, client) = try await self.options.identityAndClient()
        let own = try await client.fetchX509Context().identity(.first).svid.id
        let output = Tally(name: self.options.name)
        let state = AgentTokenState(client: client)
        let revokedPeers = RevokedPeers()
        let validator = TokenValidator(
            rules: AccessTokenRules(issuer: self.issuer, audience: own.uri, trustDomains: [own.trustDomain]),
            state: state, audit: PrintedDecisions(output: output))
        let (name, portFile) = (self.options.name, self.portFile)
        let address = self.options.address
        var application = Application(
            router: Self.router(validator, name: name),
            server: .spiffe(
                source: source, policy: .oneOf(Set(self.options.authorize.map(\.id))), revokedPeers: revokedPeers),
            configuration: ApplicationConfiguration(address: .hostname(address, port: Int(self.port))),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                do {
                    if let portFile { try PortFile.write(port, to: portFile) }
                    output.say("serving on \(address):\(port)")
                } catch {
                    output.say("the port cannot be written: \(error)")
                }
            },
            logger: Logger(label: "signet-demo-service"))
        application.beforeServerStarts {
            try await source.waitUntilReady()
            try await state.waitUntilReady()
        }
        let services: [any Service] = [
            source, state, PeerRevocation(state: state, peers: revokedPeers), application,
        ]
        try await ServiceGroup(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "signet-demo-service")
        ).run()
    }

    private static func router(
        _ validator: TokenValidator, name: String
    ) -> AuthorizedRouter<AccessTokenRequestContext> {
        let router = AuthorizedRouter(context: AccessTokenRequestContext.self, validator: validator)
        router.exempt("healthz", method: .get) { _, _ in HTTPResponse.Status.ok }
        router.requireScopes(all: "payments:create").post("payments") { _, context in
            "created for \(context.accessToken?.claims.subject.uri ?? "nobody")"
        }
        // Only reads: they may go on for as long as a token lives while the control plane is away.
        router.requireScopes(all: "payments:read", whenStale: .accept(upTo: .seconds(900))).get("payments") {
            _, context in
            "listed for \(context.accessToken?.claims.subject.uri ?? "nobody")"
        }
        router.get("forgotten") { _, _ in "never said" }
        return router
    }
}

/// Prints each decision as a line.
private struct PrintedDecisions: AuditSink {
    let output: Tally

    func record(_ event: AuthorizationEvent) {
        let peer = event.peer?.uri ?? "somebody"
        let token = event.claims.map { " jti \($0.tokenID) kid \(event.keyID ?? "")" } ?? ""
        let what = event.reason.map { "\(event.decision.rawValue): \($0)" } ?? event.decision.rawValue
        self.output.say("\(event.route) of \(peer) \(what)\(token)")
    }
}
