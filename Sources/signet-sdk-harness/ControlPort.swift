import HTTPTypes
package import Hummingbird
import JOSE
import SPIFFE
package import WorkloadAPI

/// The requests of an outside suite, one library call each.
package struct ControlPort: HTTPResponder {
    package typealias Context = BasicRequestContext

    /// The longest request that is read: far more than a token that the library accepts.
    static let maxRequestBytes = 16 * 1024 * 1024

    /// How long the first JWT bundles are waited for.
    static let bundleTimeout: Duration = .seconds(10)

    let client: WorkloadAPIClient
    let tokens: JWTSource
    let dialer: Dialer

    package init(client: WorkloadAPIClient, tokens: JWTSource, dialer: Dialer) {
        self.client = client
        self.tokens = tokens
        self.dialer = dialer
    }

    package func respond(to request: Request, context: Context) async throws -> Response {
        await self.answer(to: request).response
    }

    /// What one library call comes to.
    package func answer(to request: Request) async -> ControlAnswer {
        do {
            return try await self.outcome(of: request)
        } catch {
            return ControlAnswer(error)
        }
    }

    private func outcome(of request: Request) async throws -> ControlAnswer {
        switch (request.method, request.uri.path) {
        case (.get, "/v1/info"): self.info()
        case (.post, "/v1/jwt/validate"): try await self.validateJWT(self.read(request))
        case (.post, "/v1/jwt/fetch"): try await self.fetchJWT(self.read(request))
        case (.post, "/v1/x509/dial"): try await self.dial(self.read(request))
        default: .unsupported(reason: "there is no \(request.method) \(request.uri.path)")
        }
    }

    private func info() -> ControlAnswer {
        .ok(["name": "signet", "language": "swift", "harness_version": 1])
    }

    /// Validates locally, against the JWT bundles that the library follows.
    private func validateJWT(_ members: ControlRequest) async throws -> ControlAnswer {
        let (token, audience) = try (members.string("token"), members.string("audience"))
        // READY speaks of the X509-SVID alone: the JWT bundles may still be on their way.
        do throws(WorkloadAPIError) {
            _ = try self.tokens.bundles()
        } catch {
            if case .permissionDenied = error { throw error }
            try await self.tokens.waitUntilReady(timeout: Self.bundleTimeout)
        }
        let svid = try self.tokens.validateLocally(token, audience: audience)
        return .ok(["spiffe_id": .string(svid.id.uri), "claims": .object(svid.claims)])
    }

    private func fetchJWT(_ members: ControlRequest) async throws -> ControlAnswer {
        let wanted = try members.optionalString("spiffe_id")
        let svids = try await self.client.fetchJWTSVIDs(
            audience: members.strings("audience"), spiffeID: wanted.isEmpty ? nil : SPIFFEID(parsing: wanted))
        let listed = svids.map { svid -> JSONValue in
            ["spiffe_id": .string(svid.id.uri), "token": .string(svid.token), "hint": .string(svid.hint)]
        }
        return .ok(["svids": .array(listed)])
    }

    private func dial(_ members: ControlRequest) async throws -> ControlAnswer {
        let peer = try await self.dialer.dial(members.string("address"))
        return .ok(["spiffe_id": .string(peer.uri)])
    }

    private func read(_ request: Request) async throws -> ControlRequest {
        let body: [UInt8]
        do {
            body = Array(try await request.body.collect(upTo: Self.maxRequestBytes).readableBytesView)
        } catch {
            throw ControlRequestError(reason: "the body cannot be read, or has more than \(Self.maxRequestBytes) bytes")
        }
        do {
            guard let members = try JSON.parse(body, maxBytes: Self.maxRequestBytes).object else {
                throw ControlRequestError(reason: "the body is no JSON object")
            }
            return ControlRequest(members: members)
        } catch let error as JSONError {
            throw ControlRequestError(reason: "the body is no JSON: \(error)")
        }
    }
}

/// The members of a request's body.
struct ControlRequest {
    let members: JSONObject

    func string(_ name: String) throws(ControlRequestError) -> String {
        guard let value = self.members[name]?.string else {
            throw ControlRequestError(reason: "'\(name)' is no string")
        }
        return value
    }

    /// A string that may be left out or null, which means an empty one.
    func optionalString(_ name: String) throws(ControlRequestError) -> String {
        switch self.members[name] {
        case nil, .null: ""
        default: try self.string(name)
        }
    }

    func strings(_ name: String) throws(ControlRequestError) -> [String] {
        guard let values = self.members[name]?.strings else {
            throw ControlRequestError(reason: "'\(name)' is no array of strings")
        }
        return values
    }
}
