import ControlPlaneProtos
import Logging
import Registration
import SPIFFE

/// Reads the entries of a reply; what cannot be read is left out, and said.
struct EntryReader: Sendable {
    let trustDomain: TrustDomain
    let logger: Logger

    func read(_ protos: [Spire_Api_Types_Entry]) -> (entries: [RegistrationEntry], refused: [String]) {
        var entries: [RegistrationEntry] = []
        var refused: [String] = []
        entries.reserveCapacity(protos.count)
        for proto in protos {
            do {
                entries.append(try RegistrationEntry(proto, trustDomain: self.trustDomain))
            } catch {
                refused.append(proto.id)
                self.logger.warning(
                    "an entry of the server is not served",
                    metadata: [LogKey.entryID: "\(proto.id)", LogKey.error: "\(error)"])
            }
        }
        return (entries, refused)
    }
}
