import ControlPlaneProtos
import FoundationEssentials
import KeyManagement
import Logging
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// Asks for X509-SVIDs.
struct X509SVIDRequests: SVIDRequests {
    private static let timeout: Duration = .seconds(30)

    let connections: ServerConnections
    let keyType: KeyType
    let instants: Instants
    let logger: Logger

    var kind: SVIDKind { .x509 }
    var failureMessage: Logger.Message { "X509-SVIDs were not issued" }

    /// How many SVIDs are asked for in one request.
    ///
    /// RSA keys take their time, which nobody should wait for together.
    static func batchLimit(_ keyType: KeyType) -> Int {
        switch keyType {
        case .ecP256, .ecP384, .ed25519: 500
        case .rsa2048, .rsa4096: 8
        }
    }

    func outcomes(
        of batch: [RegistrationEntry], using generator: inout some RandomNumberGenerator
    ) async throws -> [String: WorkloadCacheState.Outcome] {
        var outcomes: [String: WorkloadCacheState.Outcome] = [:]
        var requested: [(entry: RegistrationEntry, key: [UInt8])] = []
        var request = Spire_Api_Server_Svid_V1_BatchNewX509SVIDRequest()
        for entry in batch {
            do {
                let key = try KeyPair.generate(self.keyType)
                let csr = try X509SVIDRequest.make(
                    key: key.certificateKey, id: entry.spiffeID, dnsNames: entry.dnsNames)
                request.params.append(
                    .with {
                        $0.entryID = entry.id
                        $0.csr = Data(csr)
                    })
                requested.append((entry, key.pkcs8DER))
            } catch {
                outcomes[entry.id] = .failed("\(error)")
            }
        }
        let reply = try await self.connections.call(SVIDMethods.batchNewX509SVID, request, timeout: Self.timeout)
        for ((entry, key), result) in zip(requested, reply.results) {
            outcomes[entry.id] = self.outcome(result, for: entry, key: key, using: &generator)
        }
        return outcomes
    }

    private func outcome(
        _ result: Spire_Api_Server_Svid_V1_BatchNewX509SVIDResponse.Result, for entry: RegistrationEntry,
        key: [UInt8], using generator: inout some RandomNumberGenerator
    ) -> WorkloadCacheState.Outcome {
        var reason = result.status.message
        if result.status.code == 0 {
            do {
                let svid = try result.svid.svid(privateKey: key)
                if svid.id == entry.spiffeID {
                    self.logger.debug(
                        "X509-SVID issued",
                        metadata: [
                            LogKey.spiffeID: "\(svid.id)", LogKey.entryID: "\(entry.id)",
                            LogKey.expiresAt: "\(svid.notAfter.formatted(.iso8601))",
                        ])
                    return .issued(
                        WorkloadSVID(svid, entry: entry, issuedAt: self.instants.now(), using: &generator))
                }
                reason = "the server issued an SVID of '\(svid.id)'"
            } catch {
                reason = "\(error)"
            }
        }
        self.logger.warning(
            "no X509-SVID for an entry", metadata: [LogKey.entryID: "\(entry.id)", LogKey.error: "\(reason)"])
        return .failed(reason)
    }
}
