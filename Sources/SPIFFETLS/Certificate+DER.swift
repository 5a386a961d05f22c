import SwiftASN1
import X509

extension Certificate {
    /// The certificate as the bytes that TLS sends.
    var derBytes: [UInt8] {
        get throws {
            var serializer = DER.Serializer()
            try serializer.serialize(self)
            return serializer.serializedBytes
        }
    }
}
