package import FoundationEssentials
import GRPCCore
package import ProtoRPC
public import SPIFFE
package import SwiftProtobuf
import WorkloadAPIProtos

/// One of the streams that the Workload API offers, with what its messages mean.
public struct WorkloadAPIStream<Value: Sendable>: Sendable {
    /// Opens the stream on a connection and hands over each message, parsed or refused, until `receive` returns false
    /// or the server ends the stream.
    let open:
        @Sendable (
            _ client: GRPCConnection, _ timeout: Duration?,
            _ receive: @escaping @Sendable (Result<Value, WorkloadAPIMessageError>) async throws -> Bool
        ) async throws -> Void

    /// Judges a parsed message at the time it came.
    let check: @Sendable (_ value: Value, _ now: Date) throws(WorkloadAPIMessageError) -> Void

    /// - Parameter request: What the stream is opened with. Default: an empty request.
    package init<Input: Message, Output: Message>(
        _ method: RPCMethod<Input, Output>, request: Input = Input(),
        parse: @escaping @Sendable (Output) throws(WorkloadAPIMessageError) -> Value,
        check: @escaping @Sendable (Value, Date) throws(WorkloadAPIMessageError) -> Void = { _, _ in }
    ) {
        self.check = check
        self.open = { client, timeout, receive in
            try await client.receiveStream(
                method, request, metadata: WorkloadAPIClient.securityHeader, timeout: timeout
            ) { messages in
                for try await message in messages {
                    let parsed = Result { () throws(WorkloadAPIMessageError) in try parse(message.decoded()) }
                    guard try await receive(parsed) else { return }
                }
            }
        }
    }
}

extension WorkloadAPIStream<X509Context> {
    /// The X509-SVIDs of the process and the X.509 bundles to validate its peers with.
    public static var x509Context: Self {
        Self(
            WorkloadAPIMethods.fetchX509SVID,
            parse: { message throws(WorkloadAPIMessageError) in try X509Context(message) },
            check: { context, now throws(WorkloadAPIMessageError) in try context.check(now: now) })
    }
}

extension ReceivedMessage {
    func decoded() throws(WorkloadAPIMessageError) -> Content {
        guard case .decoded(let content) = self else { throw .undecodable }
        return content
    }
}

extension WorkloadAPIStream<TrustBundles> {
    /// The X.509 bundles of the process's own and federated trust domains.
    ///
    /// They hold no JWT authorities.
    public static var x509Bundles: Self {
        Self(WorkloadAPIMethods.fetchX509Bundles) { message throws(WorkloadAPIMessageError) in
            try TrustBundles(message)
        }
    }

    /// The JWT bundles of the process's own and federated trust domains.
    ///
    /// They hold no X.509 authorities.
    public static var jwtBundles: Self {
        Self(WorkloadAPIMethods.fetchJWTBundles) { message throws(WorkloadAPIMessageError) in
            try TrustBundles(message)
        }
    }
}
