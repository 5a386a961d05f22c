import ControlPlaneProtos
import GRPCCore
package import Rotation
import SwiftProtobuf

extension RPCRoutes {
    /// Serves gRPC health checking, on the status of the whole server.
    ///
    /// The empty name and every service that has a handler by now share the status. `Check` of another name is
    /// NOT_FOUND, `Watch` of one says SERVICE_UNKNOWN, as the protocol has it.
    package mutating func serveHealth(_ isServing: Watched<Bool>) {
        let names = Set(self.services + ["", HealthMethods.service])
        self.immediate(HealthMethods.check) { request, _ in
            guard names.contains(request.service) else {
                throw RPCError(code: .notFound, message: "unknown service")
            }
            return .serving(isServing.current)
        }
        self.immediate(HealthMethods.list) { _, _ in
            let status = Grpc_Health_V1_HealthCheckResponse.serving(isServing.current)
            return .with { $0.statuses = Dictionary(uniqueKeysWithValues: names.map { ($0, status) }) }
        }
        self.serverStream(HealthMethods.watch) { request, _, responses in
            guard names.contains(request.service) else {
                try await responses.write(.with { $0.status = .serviceUnknown })
                // The name never becomes known; the stream stays open, as the protocol has it, until the client ends it.
                return try await EndSignal().waitForCancellation()
            }
            var last: Bool?
            for await current in isServing.updates() where current != last {
                try await responses.write(.serving(current))
                last = current
            }
        }
    }
}

extension Grpc_Health_V1_HealthCheckResponse {
    fileprivate static func serving(_ isServing: Bool) -> Self {
        .with { $0.status = isServing ? .serving : .notServing }
    }
}

extension EndSignal {
    /// Returns only by throwing.
    fileprivate func waitForCancellation() async throws {
        await self.wait()
        try Task.checkCancellation()
    }
}
