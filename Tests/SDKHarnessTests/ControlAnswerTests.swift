import HTTPTypes
import HummingbirdCore
import SPIFFE
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
}
