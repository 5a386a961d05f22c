import Authority
import SwiftASN1
import X509

extension IssuedX509SVID {
    /// The chain as another parser reads it; what is no certificate is missing.
    var chain: [Certificate] {
        self.chainDER.compactMap { try? Certificate(derEncoded: $0) }
    }
}
