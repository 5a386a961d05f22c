package import GRPCCore
package import SwiftProtobuf

/// One method of a gRPC service: its name on the wire, and the messages it takes and gives.
///
/// A table of these stands in for generated stubs, on the client (``GRPCCore/GRPCClient``) and the server alike.
/// Whether request and response are single messages or streams is said where the method is called or served.
package struct RPCMethod<Input: Message & Sendable, Output: Message & Sendable>: Sendable {
    /// The full name of the service, `spire.api.server.entry.v1.Entry` for example.
    package let service: String
    /// The name of the method within its service.
    package let name: String
    /// The HTTP/2 `:path`: `/service/name`.
    package let path: String

    package init(service: String, name: String) {
        self.service = service
        self.name = name
        self.path = "/\(service)/\(name)"
    }

    /// The method as gRPC Swift names it.
    package var descriptor: MethodDescriptor {
        MethodDescriptor(fullyQualifiedService: self.service, method: self.name)
    }
}
