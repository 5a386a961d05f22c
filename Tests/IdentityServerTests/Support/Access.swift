import ControlPlaneProtos
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import ProtoRPC
import SwiftProtobuf

func makeService(
    _ name: String, _ change: (inout Signet_Server_V1_Service) -> Void = { _ in }
) -> Signet_Server_V1_Service {
    var service = Signet_Server_V1_Service.with {
        $0.name = name
        $0.spiffeID = "spiffe://example.org/\(name)"
        $0.owners = ["team"]
    }
    change(&service)
    return service
}

func makeGrant(
    _ caller: String, _ service: String, _ scopes: [String], _ change: (inout Signet_Server_V1_Grant) -> Void = { _ in }
) -> Signet_Server_V1_Grant {
    var grant = Signet_Server_V1_Grant.with {
        $0.caller = "spiffe://example.org\(caller)"
        $0.service = service
        $0.scopes = scopes
    }
    change(&grant)
    return grant
}

extension GRPCClient {
    /// Registers `spiffe://example.org/NAME`.
    func createService(
        _ name: String, _ change: (inout Signet_Server_V1_Service) -> Void = { _ in }
    ) async throws -> Signet_Server_V1_Service {
        try await self.call(AccessMethods.createService, .with { $0.service = makeService(name, change) })
    }

    func grant(
        _ caller: String, _ service: String, _ scopes: [String],
        _ change: (inout Signet_Server_V1_Grant) -> Void = { _ in }
    ) async throws -> Signet_Server_V1_Grant {
        try await self.call(AccessMethods.createGrant, .with { $0.grant = makeGrant(caller, service, scopes, change) })
    }

    func test(
        _ caller: String, _ audience: String, _ scopes: [String]
    ) async throws -> Signet_Server_V1_TestGrantResponse {
        try await self.call(
            AccessMethods.testGrant,
            .with {
                $0.caller = "spiffe://example.org\(caller)"
                $0.audience = audience
                $0.scopes = scopes
            })
    }
}
