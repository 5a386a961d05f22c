import Authority
import ControlPlaneProtos
import GRPCCore

// How the refusals of the SVID API appear on the wire; the words are SPIRE's where it has them.

extension RPCError {
    /// What the caller did wrong; `nil` when it is not the caller's fault.
    init?(refused error: IssuanceError) {
        switch error {
        case .noAudience:
            self = .invalid("at least one audience is required")
        case .audienceTooLong, .dnsNames, .foreignTrustDomain, .invalidTTL, .reservedID, .tokenTooLong, .unsupportedKey,
            .withoutPath:
            self = .invalid("\(error)")
        case .noAuthority:
            self = RPCError(code: .unimplemented, message: "\(error)")
        case .authorityExpired, .notAgentID, .profileViolated, .signingFailed:
            return nil
        }
    }
}

/// Why an X509-SVID of a batch was not issued.
enum SVIDRefusal: Error, Hashable {
    case missingEntryID
    case missingCSR
    /// The entry does not exist, or the agent is not authorised for it: the answer does not say which.
    case entryNotFound
    case request(CertificateRequestRefusal)
    case notSigned

    var code: RPCError.Code {
        switch self {
        case .missingEntryID, .missingCSR, .request: .invalidArgument
        case .entryNotFound: .notFound
        case .notSigned: .internalError
        }
    }

    var message: String {
        switch self {
        case .missingEntryID: "missing entry ID"
        case .missingCSR: "missing CSR"
        case .entryNotFound: "entry not found or not authorized"
        case .request(let refusal): refusal.message
        case .notSigned: "failed to sign X509-SVID"
        }
    }
}

extension Spire_Api_Server_Svid_V1_BatchNewX509SVIDResponse.Result {
    init(_ outcome: Result<Spire_Api_Types_X509SVID, SVIDRefusal>) {
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
