import AccessTokens
import AsyncHTTPClient
import AuthorizationHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import SPIFFE
import SPIFFEHTTPClient
import SPIFFETLS
import ServiceAuthorization
import ServiceLifecycle
import WorkloadAPI

/// Makes the requests of ``CallAPICommand``, one after the other.
struct APICaller: Service, CustomStringConvertible {
    /// How long a request may take.
    private static let timeout: TimeAmount = .seconds(10)
    private static let maxAnswerBytes = 65_536

    let command: CallAPICommand
    let request: HTTPClientRequest
    let source: X509Source
    let tokens: TokenSource
    let stolenToken: String?
    let answers: APIAnswers

    /// Services are written to the log by whoever runs them; the token must not be.
    var description: String { "APICaller" }

    init(
        command: CallAPICommand, request: HTTPClientRequest, source: X509Source, tokens: TokenSource,
        stolenToken: String?
    ) {
        self.command = command
        self.request = request
        self.source = source
        self.tokens = tokens
        self.stolenToken = stolenToken
        self.answers = APIAnswers(name: command.options.name)
    }

    func run() async throws {
        try await self.source.waitUntilReady()
        let isRepeated = self.command.until || self.command.duration != nil
        let start = ContinuousClock.now
        let end = start + .seconds(self.command.duration ?? (self.command.until ? 30 : 0))
        var count = 0
        try await withSPIFFEHTTPClient(
            source: self.source, policy: .oneOf(Set(self.command.options.authorize.map(\.id)))
        ) { client async throws in
            repeat {
                let status = await self.call(client)
                if self.command.until, status == self.command.expect { return }
                count += 1
                let next = start + .seconds(Double(count) / self.command.rate)
                // Woken early by a shutdown, which ends the loop.
                if isRepeated {
                    try? await cancelWhenGracefulShutdown { try await ContinuousClock().sleep(until: next) }
                }
            } while isRepeated && ContinuousClock.now < end && !Task.isShuttingDownGracefully
        }
    }

    private func answer(_ client: SPIFFEHTTPClient) async throws -> HTTPClientResponse {
        if let stolenToken {
            var request = self.request
            request.headers.replaceOrAdd(name: "Authorization", value: "Bearer " + stolenToken)
            return try await client.execute(request, timeout: Self.timeout)
        }
        let wanted = try self.command.tokenRequest()
        if let path = self.command.leakToken {
            try TokenFile.write(try await self.tokens.token(for: wanted).token, to: path)
        }
        return try await AuthorizedHTTPClient(client, tokens: self.tokens, for: wanted)
            .execute(self.request, timeout: Self.timeout)
    }

    /// Makes a request and returns the status; 0 when there was no answer.
    private func call(_ client: SPIFFEHTTPClient) async -> UInt {
        do {
            let response = try await self.answer(client)
            let body = String(buffer: try await response.body.collect(upTo: Self.maxAnswerBytes))
            self.answers.answered(
                status: response.status.code, challenge: response.headers.first(name: "WWW-Authenticate"),
                body: body.split(whereSeparator: \.isNewline).joined(separator: " "))
            return response.status.code
        } catch {
            self.answers.failed(error)
            return 0
        }
    }
}
