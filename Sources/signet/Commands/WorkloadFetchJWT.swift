import ArgumentParser
import JOSE
import ProtoRPC
import SwiftProtobuf
import WorkloadAPIProtos

struct WorkloadFetchJWT: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "jwt", abstract: "Fetch this process's JWT-SVIDs.")

    @OptionGroup var workload: WorkloadOptions
    @Option(help: "Who the token is for; repeatable or separated by commas.") var audience: [String] = []
    @Option(help: "Only the token of this SPIFFE ID.") var spiffeID: String?

    func run() async throws {
        let audiences = try AudienceOption.values(self.audience)
        let request = JWTSVIDRequest.with {
            $0.audience = audiences
            $0.spiffeID = self.spiffeID ?? ""
        }
        let (tokens, bundles) = try await self.workload.withAgent { client in
            let timeout = self.workload.timeout.duration
            let metadata = WorkloadOptions.metadata
            let tokens = try await client.call(
                WorkloadAPIMethods.fetchJWTSVID, request, metadata: metadata, timeout: timeout)
            let bundles = try await client.first(
                WorkloadAPIMethods.fetchJWTBundles, .init(), metadata: metadata, timeout: timeout)
            return (tokens, bundles)
        }
        switch self.workload.output {
        case .json: Console.print(try ReplyJSON.text(of: tokens))
        case .pretty:
            for svid in tokens.svids { Console.print("token(\(svid.spiffeID)):\n\t\(svid.svid)") }
            for (name, keys) in bundles.bundles.sorted(by: { $0.key < $1.key }) {
                Console.print("bundle(\(name)):\n\t\(String(decoding: keys, as: UTF8.self))")
            }
        }
    }
}

/// `signet workload validate jwt`: the agent judges a token somebody presented.
struct WorkloadValidateJWT: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "jwt", abstract: "Validate a JWT-SVID.")

    @OptionGroup var workload: WorkloadOptions
    @Option(help: "The audience the token must be for.") var audience: String
    @Option(help: "The token; - reads it from standard input.") var svid: String

    func run() async throws {
        let token = self.svid == "-" ? (readLine(strippingNewline: true) ?? "") : self.svid
        let response = try await self.workload.withAgent { client in
            let request = ValidateJWTSVIDRequest.with {
                $0.audience = self.audience
                $0.svid = token
            }
            return try await client.call(
                WorkloadAPIMethods.validateJWTSVID, request, metadata: WorkloadOptions.metadata,
                timeout: self.workload.timeout.duration)
        }
        let claims = try ReplyJSON.sorted(response.claims)
        switch self.workload.output {
        case .json: Console.print(try ReplyJSON.text(of: response, with: [("claims", claims)]))
        case .pretty:
            let text = String(decoding: JSON.serialize(claims), as: UTF8.self)
            Console.print("SVID is valid.\nSPIFFE ID : \(response.spiffeID)\nClaims    : \(text)")
        }
    }
}
