import ControlPlaneProtos
import Glibc
import SwiftProtobuf

extension Spire_Api_Types_Entry {
    /// An entry that this test's own process matches, unless told otherwise.
    static func entry(
        _ id: String, _ path: String, createdAt: Int64 = 1_700_000_000, selectors: [String] = ["uid:\(geteuid())"],
        hint: String = "", revision: Int64 = 0, federatesWith: [String] = [], includesJTI: Bool = false
    ) -> Self {
        .with {
            $0.id = id
            $0.spiffeID.trustDomain = "example.org"
            $0.spiffeID.path = path
            $0.parentID.trustDomain = "example.org"
            $0.parentID.path = "/spire/agent/join_token/token-1"
            $0.selectors = selectors.map { value in
                .with {
                    $0.type = "unix"
                    $0.value = value
                }
            }
            $0.createdAt = createdAt
            $0.hint = hint
            $0.revisionNumber = revision
            $0.federatesWith = federatesWith
            if includesJTI { $0.additionalAttributes.jwtSvidIncludeJti = true }
        }
    }
}
