import ControlPlaneProtos
import GRPCCore
import ProtoRPC
import SwiftProtobuf
import Testing

@Suite("Details of a status", .timeLimit(.minutes(1)))
struct RPCErrorDetailTests {
    private let details = Spire_Api_Types_PermissionDeniedDetails.with { $0.reason = .agentBanned }

    @Test("what an error was made with can be read from it")
    func roundTrip() {
        let error = RPCError(code: .permissionDenied, message: "agent is banned", detail: self.details)
        #expect(error.code == .permissionDenied)
        #expect(error.message == "agent is banned")
        #expect(error.detail(of: Spire_Api_Types_PermissionDeniedDetails.self) == self.details)
    }

    @Test("the trailer is a google.rpc.Status with the type URL of the detail")
    func trailer() throws {
        let error = RPCError(code: .permissionDenied, message: "agent is banned", detail: self.details)
        let bytes = try #require(error.metadata[binaryValues: "grpc-status-details-bin"].first { _ in true })
        let status = try Google_Rpc_Status(serializedBytes: bytes)
        #expect(status.code == 7)
        #expect(status.message == "agent is banned")
        #expect(status.details.map(\.typeURL) == ["type.googleapis.com/spire.api.types.PermissionDeniedDetails"])
        #expect(status.details.map { Array($0.value) } == [[0x08, 0x04]])
    }

    @Test("a detail of another type is not found")
    func otherType() {
        let error = RPCError(code: .permissionDenied, message: "", detail: Spire_Api_Types_SPIFFEID())
        #expect(error.detail(of: Spire_Api_Types_PermissionDeniedDetails.self) == nil)
    }

    @Test("a trailer that is no status has no detail")
    func garbage() {
        let error = RPCError(
            code: .permissionDenied, message: "", metadata: ["grpc-status-details-bin": .binary([0xFF, 0xFF])])
        #expect(error.detail(of: Spire_Api_Types_PermissionDeniedDetails.self) == nil)
    }
}
