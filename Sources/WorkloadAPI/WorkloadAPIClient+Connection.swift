import GRPCCore
package import GRPCNIOTransportHTTP2Posix
import ProtoRPC

extension HTTP2ClientTransport.Config.Keepalive {
    /// After six minutes without a word the server is asked whether it is there: servers of gRPC take more than one such
    /// question in five minutes for an attack.
    package static let workloadAPI = Self(time: .seconds(360), timeout: .seconds(20), allowWithoutCalls: false)
}

extension WorkloadAPIClient {
    /// Runs `body` with a new connection.
    ///
    /// - Throws: ``WorkloadAPIError`` for whatever gRPC reports; `CancellationError`; what `body` itself throws.
    func connect<Result: Sendable>(_ body: (GRPCConnection) async throws -> Result) async throws -> Result {
        do {
            return try await GRPCClient(transport: self.makeTransport()).running(body)
        } catch let error as RPCError {
            // A cancelled call is reported as a failed one; who was cancelled should see that.
            try Task.checkCancellation()
            throw WorkloadAPIError(error)
        } catch let error as RuntimeError {
            throw WorkloadAPIError.unavailable(error.message)
        }
    }

    private func makeTransport() throws -> HTTP2ClientTransport.Posix {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.http2.authority = "localhost"
        // A Unix socket ends with its server; a connection over a network may lose it without a word.
        if case .tcp = self.address.endpoint { config.connection.keepalive = self.keepalive }
        let limits = MethodConfig(
            names: [.init(service: "")], maxResponseMessageBytes: WorkloadAPILimits.maxMessageBytes)
        let serviceConfig = ServiceConfig(methodConfig: [limits])
        switch self.address.endpoint {
        case .unix(let path):
            return try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: path), transportSecurity: .plaintext, config: config,
                serviceConfig: serviceConfig)
        case .tcp(let host, let port) where host.contains(":"):
            return try HTTP2ClientTransport.Posix(
                target: .ipv6(address: host, port: port), transportSecurity: .plaintext, config: config,
                serviceConfig: serviceConfig)
        case .tcp(let host, let port):
            return try HTTP2ClientTransport.Posix(
                target: .ipv4(address: host, port: port), transportSecurity: .plaintext, config: config,
                serviceConfig: serviceConfig)
        }
    }
}
