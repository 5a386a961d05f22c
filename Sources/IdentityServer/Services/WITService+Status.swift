import ControlPlaneProtos
import GRPCCore
import ProtoRPC

/// Why a WIT-SVID of a batch was not issued.
enum WITSVIDRefusal: Error, Hashable {
    case missingEntryID
    /// The entry does not exist, or the agent is not authorised for it: the answer does not say which.
    case entryNotFound
    case key(WITKeyRefusal)
    case notSigned

    var code: RPCError.Code {
        switch self {
        case .missingEntryID, .key: .invalidArgument
        case .entryNotFound: .notFound
        case .notSigned: .internalError
        }
    }

    var message: String {
        switch self {
        case .missingEntryID: "missing entry ID"
        case .entryNotFound: "entry not found or not authorized"
        case .key(let refusal): refusal.message
        case .notSigned: "failed to sign WIT-SVID"
        }
    }
}

extension Spire_Api_Server_Svid_V1_BatchNewWITSVIDResponse.Result {
    init(_ outcome: Result<Spire_Api_Types_WITSVID, WITSVIDRefusal>) {
        self.init()
        switch outcome {
        case .success(let svid):
            self.status = .ok
            self.svid = svid
        case .failure(let refusal):
            self.status = .failed(refusal.code, refusal.message)
        }
    }
}
