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
            var last: Grpc_Health_V1_HealthCheckResponse?
            // A name that is unknown never becomes known; the stream stays open all the same, as the protocol has it.
            let isKnown = names.contains(request.service)
            try await isServing.forEachUntilGracefulShutdown { isServing in
                let response = Grpc_Health_V1_HealthCheckResponse.with {
                    $0.status = isKnown ? (isServing ? .serving : .notServing) : .serviceUnknown
                }
                guard response != last else { return }
                try await responses.write(response)
                last = response
            }
            throw RPCError.endedByShutdown
        }
    }
}

extension RPCError {
    /// What ends the endless streams of a server that shuts down.
    static let endedByShutdown = RPCError(code: .unavailable, message: "the server is shutting down")
}

extension Grpc_Health_V1_HealthCheckResponse {
    fileprivate static func serving(_ isServing: Bool) -> Self {
        .with { $0.status = isServing ? .serving : .notServing }
    }
}
