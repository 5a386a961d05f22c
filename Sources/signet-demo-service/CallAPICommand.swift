import AccessTokens
import ArgumentParser
import AsyncHTTPClient
import Logging
import NIOHTTP1
import SPIFFE
import ServiceAuthorization
import ServiceLifecycle
import UnixSignals
import WorkloadAPI

/// `call-api`: calls such a service with a token of the agent.
struct CallAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call-api", abstract: "Call an HTTP service with an access token, then print a summary.",
        discussion: """
            Each new answer is printed once. With --until, requests are repeated until the answer has that status. \
            Exit status 1: the last answer was not the expected one.
            """)

    @OptionGroup var options: ServiceOptions

    @Option(help: "The TCP port of the service.")
    var port: UInt16

    @Option(help: "The audience of the token: the URI of a service. Default: the first that is authorized.")
    var audience: String?

    @Option(help: "A scope to ask for; repeat it for several. Default: everything that is granted.")
    var scope: [String] = []

    @Option(help: "GET or POST.")
    var method: String = "POST"

    @Option(help: "The path of the request.")
    var path: String = "/payments"

    @Option(help: "Send this file's token instead of one of the agent: what a thief would do.")
    var tokenFile: String?

    @Option(help: "Write the token that was used to a file: what a careless service would do.")
    var leakToken: String?

    @Option(help: "The HTTP status that the last answer must have; 0: no answer at all.")
    var expect: UInt = 200

    @Flag(help: "Repeat the request until the answer has the expected status.")
    var until = false

    @Option(help: "How long to repeat requests, in seconds. Default: one request, or 30 seconds with --until.")
    var duration: Double?

    @Option(help: "How many requests to make each second, when they are repeated.")
    var rate: Double = 50

    func validate() throws {
        guard self.port > 0 else { throw ValidationError("The port is from 1 to 65535.") }
        guard ["GET", "POST"].contains(self.method) else { throw ValidationError("--method is GET or POST.") }
        guard self.path.hasPrefix("/") else { throw ValidationError("--path begins with a slash.") }
        guard (0.001...86_400).contains(self.duration ?? 1) else {
            throw ValidationError("--duration is from 0.001 to 86400 seconds.")
        }
        guard (0.001...1_000).contains(self.rate) else { throw ValidationError("--rate is from 0.001 to 1000.") }
        do { _ = try ScopeSet(parsing: self.scope) } catch { throw ValidationError("--scope: \(error)") }
    }

    func run() async throws {
        let (source, client) = try await self.options.identityAndClient()
        let caller = APICaller(
            command: self, request: try self.request(), source: source,
            tokens: TokenSource(issuer: AgentTokenIssuer(client: client), identity: source),
            stolenToken: try self.tokenFile.map { try TokenFile.read($0) })
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: source),
                    .init(service: caller, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "signet-demo-service"))
        ).run()
        guard try caller.answers.printSummary(expecting: self.expect) else { throw ExitCode(1) }
    }

    private func request() throws -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "https://\(self.options.address):\(self.port)\(self.path)")
        request.method = HTTPMethod(rawValue: self.method)
        return request
    }

    /// What the token is wanted for.
    func tokenRequest() throws -> TokenRequest {
        TokenRequest(
            audience: self.audience ?? self.options.authorize.first?.id.uri ?? "",
            scopes: try ScopeSet(parsing: self.scope))
    }
}
