import ControlPlaneProtos
import Crypto
import FoundationEssentials
import JOSE
import Logging
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// Asks for WIT-SVIDs.
///
/// The workloads' keys are on P-256: every WIMSE implementation verifies ES256.
struct WITSVIDRequests: SVIDRequests {
    /// How many SVIDs are asked for in one request.
    static let batchLimit = 500
    private static let timeout: Duration = .seconds(30)

    let connections: ServerConnections
    let instants: Instants
    let logger: Logger

    var kind: SVIDKind { .wit }
    var failureMessage: Logger.Message { "WIT-SVIDs were not issued" }

    func outcomes(
        of batch: [RegistrationEntry], using generator: inout some RandomNumberGenerator
    ) async throws -> [String: WorkloadCacheState.Outcome] {
        let keys = batch.map { _ in PrivateJSONWebKey(P256.Signing.PrivateKey()) }
        let request = Spire_Api_Server_Svid_V1_BatchNewWITSVIDRequest.with {
            $0.params = zip(batch, keys).map { entry, key in
                .with {
                    $0.entryID = entry.id
                    $0.publicKey = Data(key.publicKey.subjectPublicKeyInfoDER)
                    $0.signingAlgorithm = SignatureAlgorithm.es256.rawValue
                }
            }
        }
        let reply = try await self.connections.call(SVIDMethods.batchNewWITSVID, request, timeout: Self.timeout)
        var outcomes: [String: WorkloadCacheState.Outcome] = [:]
        for ((entry, key), result) in zip(zip(batch, keys), reply.results) {
            outcomes[entry.id] = self.outcome(result, for: entry, key: key, using: &generator)
        }
        return outcomes
    }

    private func outcome(
        _ result: Spire_Api_Server_Svid_V1_BatchNewWITSVIDResponse.Result, for entry: RegistrationEntry,
        key: PrivateJSONWebKey, using generator: inout some RandomNumberGenerator
    ) -> WorkloadCacheState.Outcome {
        var reason = result.status.message
        if result.status.code == 0 {
            do {
                let svid = try SPIFFE.WITSVID(
                    receivedFromWorkloadAPI: result.svid.token,
                    privateKeyJWK: String(decoding: JSON.serialize(.object(key.object())), as: UTF8.self))
                if svid.id == entry.spiffeID {
                    self.logger.debug(
                        "WIT-SVID issued",
                        metadata: [
                            LogKey.spiffeID: "\(svid.id)", LogKey.entryID: "\(entry.id)",
                            LogKey.expiresAt: "\(svid.expiresAt.formatted(.iso8601))",
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
            "no WIT-SVID for an entry", metadata: [LogKey.entryID: "\(entry.id)", LogKey.error: "\(reason)"])
        return .failed(reason)
    }
}
