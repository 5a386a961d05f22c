import AccessTokens
import ArgumentParser
import FoundationEssentials
import ProtoRPC
import SwiftProtobuf
import WorkloadAPIProtos

struct WorkloadFetchToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Fetch an access token by which this process may call a service.")

    @OptionGroup var workload: WorkloadOptions
    @Option(help: "The audience URI or the name of the service to be called.") var audience: String
    @Option(help: "A scope that is needed there; repeatable. Default: everything that is granted.")
    var scope: [String] = []
    @Option(help: "Call as this SPIFFE ID, where this process has several.") var spiffeID: String?

    func run() async throws {
        let request = Signet_Workload_V1_FetchAccessTokenRequest.with {
            $0.audience = self.audience
            $0.scopes = self.scope
            $0.spiffeID = self.spiffeID ?? ""
            $0.library = ReportedLibrary.current.report ?? ""
        }
        let response = try await self.workload.withAgent { client in
            try await client.call(
                WorkloadAccessTokenMethods.fetchAccessToken, request, metadata: WorkloadOptions.metadata,
                timeout: self.workload.timeout.duration)
        }
        try self.workload.show(response) {
            let expiresAt = Date(timeIntervalSince1970: Double(response.expiresAt)).formatted(.iso8601)
            Console.print(
                """
                token(\(response.spiffeID)):
                \t\(response.accessToken)
                Audience : \(response.audience)
                Scopes   : \(response.scopes.joined(separator: " "))
                Expires  : \(expiresAt)
                Bound to : \(response.certificateBound ? "the X.509-SVID now served" : "the SPIFFE ID")
                """)
        }
    }
}
