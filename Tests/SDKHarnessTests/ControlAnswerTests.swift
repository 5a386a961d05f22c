import HTTPTypes
import HummingbirdCore
import SPIFFE
import SPIFFETLS
import Testing
import WorkloadAPI
import signet_sdk_harness

@Suite("What the harness says of an error of the library")
struct ControlAnswerTests {
    @Test(
        "is rejected for a verdict, an error where the Workload API could not be asked, unsupported where it has none",
        arguments: [
            (.permissionDenied("no"), 422), (.invalidArgument("no"), 422), (.noSuchSVID(.first), 422),
            (.invalidMessage(.undecodable), 422), (.unavailable("gone"), 500), (.timedOut, 500), (.notReady, 500),
            (.failed(status: 13, message: "bug"), 500), (.unimplemented("none"), 501),
        ] as [(WorkloadAPIError, Int)])
    func workloadAPI(error: WorkloadAPIError, status: Int) {
        let answer = ControlAnswer(error)
        #expect(answer.response.status.code == status)
        let reason: String
        switch answer {
        case .ok: reason = ""
        case .rejected(let said), .failed(let said), .unsupported(let said): reason = said
        }
        #expect(reason.hasPrefix("\(error.label): "))
    }

    @Test("begins with the label of the error, whichever of the library's it is")
    func labels() {
        for (error, label) in [
            (SPIFFEIDError.wrongScheme, SPIFFEIDError.wrongScheme.label),
            (JWTSVIDError.missingAudience, JWTSVIDError.missingAudience.label),
            (SPIFFETLSError.peerCertificateMissing, SPIFFETLSError.peerCertificateMissing.label),
        ] as [(any Error, String)] {
            guard case .rejected(let reason) = ControlAnswer(error) else {
                Issue.record("\(error) is no verdict")
                continue
            }
            #expect(reason.hasPrefix("\(label): "))
        }
    }
}
