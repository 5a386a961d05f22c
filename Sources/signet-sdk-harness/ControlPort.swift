import HTTPTypes
import Hummingbird
import JOSE
import SPIFFE
import WorkloadAPI

/// The requests of an outside suite, one library call each.
struct ControlPort: HTTPResponder {
    typealias Context = BasicRequestContext

    /// The longest request that is read: far more than a token that the library accepts.
    static let maxRequestBytes = 16 * 1024 * 1024

    let client: WorkloadAPIClient
    let tokens: JWTSource
    let dialer: Dialer

    func respond(to request: Request, context: Context) async throws -> Response {
        do {
            return try await self.answer(request).response
        } catch {
            return ControlAnswer(error).response
        }
    }

    private func answer(_ request: Request) async throws -> ControlAnswer {
        switch (request.method, request.uri.path) {
        case (.get, "/v1/info"): self.info()
        case (.post, "/v1/jwt/validate"): try await self.validateJWT(self.read(request))
        case (.post, "/v1/jwt/fetch"): try await self.fetchJWT(self.read(request))
        case (.post, "/v1/x509/dial"): try await self.dial(self.read(request))
        default: .unsupported
        }
    }

    private func info() -> ControlAnswer {
        .ok(["name": "signet", "language": "swift", "harness_version": 1])
    }

    /// Validates locally, against the JWT bundles that the library follows.
    private func validateJWT(_ members: ControlRequest) throws -> ControlAnswer {
        let svid = try self.tokens.validateLocally(
            members.string("token"), audience: members.string("audience"))
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

    /// A string that may be left out, which means an empty one.
    func optionalString(_ name: String) throws(ControlRequestError) -> String {
        self.members[name] == nil ? "" : try self.string(name)
    }

    func strings(_ name: String) throws(ControlRequestError) -> [String] {
        guard let values = self.members[name]?.strings else {
            throw ControlRequestError(reason: "'\(name)' is no array of strings")
        }
        return values
    }
}
