import ControlPlaneProtos
import GRPCCore
import SwiftProtobuf

extension Spire_Api_Types_Status {
    /// An item of a batch that succeeded, in SPIRE's words.
    static let ok = Spire_Api_Types_Status.with { $0.message = "OK" }

    /// An item of a batch that failed, while others may not have.
    static func failed(_ code: RPCError.Code, _ message: String) -> Spire_Api_Types_Status {
        .with {
            $0.code = Int32(code.rawValue)
            $0.message = message
        }
    }
}

extension RPCError {
    static func invalid(_ message: String) -> RPCError {
        RPCError(code: .invalidArgument, message: message)
    }
}
