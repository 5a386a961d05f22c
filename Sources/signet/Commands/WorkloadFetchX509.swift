import ArgumentParser
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftASN1
import WorkloadAPIProtos
import X509

struct WorkloadFetchX509: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "x509", abstract: "Fetch this process's X509-SVIDs.")

    @OptionGroup var workload: WorkloadOptions
    @Option(help: "A folder for svid.N.pem, svid.N.key and bundle.N.pem.") var write: String?
    @Flag(help: "Print nothing but errors.") var silent = false

    func run() async throws {
        let folder = try self.write.map { try OutputFolder($0, isSilent: self.silent) }
        let response = try await self.workload.withAgent { client in
            try await client.first(
                WorkloadAPIMethods.fetchX509SVID, .init(), metadata: WorkloadOptions.metadata,
                timeout: self.workload.timeout.duration)
        }
        for (index, svid) in response.svids.enumerated() {
            guard let folder else { break }
            try folder.write(PEM.certificates(try Self.certificates(svid.x509Svid)), to: "svid.\(index).pem")
            try folder.writeSecret(PEM.privateKey(svid.x509SvidKey) + "\n", to: "svid.\(index).key")
            try folder.write(PEM.certificates(try Self.certificates(svid.bundle)), to: "bundle.\(index).pem")
        }
        guard !self.silent else { return }
        try self.workload.show(response) { Console.print(try Self.text(response)) }
    }

    /// What was received, for people: never the key.
    static func text(_ response: X509SVIDResponse) throws -> String {
        var text = "Received \(response.svids.count) SVID\(response.svids.count == 1 ? "" : "s")\n"
        for svid in response.svids {
            let leaf = try Certificate(derEncoded: try Self.certificates(svid.x509Svid).first ?? [])
            var rows = [
                ("SPIFFE ID", svid.spiffeID), ("SVID Valid After", leaf.notValidBefore.text),
                ("SVID Valid Until", leaf.notValidAfter.text),
            ]
            if !svid.hint.isEmpty { rows.append(("Hint", svid.hint)) }
            for (index, authority) in try Self.certificates(svid.bundle).enumerated() {
                let certificate = try Certificate(derEncoded: authority)
                rows.append(("CA #\(index + 1) Valid Until", certificate.notValidAfter.text))
            }
            text += "\n" + TextTable.lines(rows)
        }
        for name in response.federatedBundles.keys.sorted() { text += "Federated bundle : \(name)\n" }
        return text
    }

    static func certificates(_ concatenated: Data) throws -> [[UInt8]] {
        do {
            return try TrustBundle.parseCertificates(concatenatedDER: Array(concatenated)).map {
                var serializer = DER.Serializer()
                try serializer.serialize($0)
                return serializer.serializedBytes
            }
        } catch {
            throw CommandError("the agent's certificates cannot be read: \(error)")
        }
    }
}
