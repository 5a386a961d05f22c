import ArgumentParser
import FoundationEssentials
import GRPCCore
import JOSE
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import WorkloadAPIProtos

struct WorkloadFetchWIT: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wit", abstract: "Fetch this process's WIT-SVIDs (where the agent has wit_svid: true).")

    @OptionGroup var workload: WorkloadOptions
    @Option(help: "Only the token of this SPIFFE ID.") var spiffeID: String?
    @Option(help: "A folder for svid.N.wit and svid.N.jwk.") var write: String?

    func run() async throws {
        let folder = try self.write.map { try OutputFolder($0) }
        let (response, bundles) = try await self.workload.withAgent { client in
            let timeout = self.workload.timeout.duration
            let metadata = WorkloadOptions.metadata
            let response = try await client.first(
                WorkloadAPIMethods.fetchWITSVID, .with { $0.spiffeID = self.spiffeID ?? "" }, metadata: metadata,
                timeout: timeout)
            let bundles = try await client.first(
                WorkloadAPIMethods.fetchWITBundles, .init(), metadata: metadata, timeout: timeout)
            return (response, bundles)
        }
        for (index, svid) in response.svids.enumerated() {
            guard let folder else { break }
            try folder.writeSecret(svid.witSvid + "\n", to: "svid.\(index).wit")
            try folder.writeSecret(svid.witSvidKey + "\n", to: "svid.\(index).jwk")
        }
        try self.workload.show(response) { Console.print(try Self.text(response, bundles)) }
    }

    /// What was received, for people: never the key, and not the token, which is of no use without.
    private static func text(_ response: WITSVIDResponse, _ bundles: WITBundlesResponse) throws -> String {
        var text = "Received \(response.svids.count) SVID\(response.svids.count == 1 ? "" : "s")\n"
        for message in response.svids {
            let svid = try Self.svid(message)
            var rows = [
                ("SPIFFE ID", svid.id.uri), ("SVID Valid Until", svid.expiresAt.text),
                ("Proofs", svid.confirmation.algorithm.rawValue),
            ]
            if !svid.hint.isEmpty { rows.append(("Hint", svid.hint)) }
            text += "\n" + TextTable.lines(rows)
        }
        for (name, keys) in bundles.bundles.sorted(by: { $0.key < $1.key }) { text += "\nbundle(\(name)):\n\t\(keys)" }
        return text
    }

    private static func svid(_ message: WorkloadAPIProtos.WITSVID) throws -> SPIFFE.WITSVID {
        do {
            return try SPIFFE.WITSVID(
                receivedFromWorkloadAPI: message.witSvid, privateKeyJWK: message.witSvidKey, hint: message.hint)
        } catch {
            throw CommandError("the agent's WIT-SVID cannot be read: \(error)")
        }
    }
}
