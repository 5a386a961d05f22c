import SwiftASN1

/// Tells what kind of key a PKCS#8 PrivateKeyInfo (RFC 5208 §5, RFC 5958 §2) holds.
enum PKCS8 {
    enum Algorithm {
        case p256, p384, rsa, ed25519
    }

    private static let ecPublicKey: ASN1ObjectIdentifier = [1, 2, 840, 10_045, 2, 1]
    private static let rsaEncryption: ASN1ObjectIdentifier = [1, 2, 840, 113_549, 1, 1, 1]
    private static let ed25519: ASN1ObjectIdentifier = [1, 3, 101, 112]
    private static let p256: ASN1ObjectIdentifier = [1, 2, 840, 10_045, 3, 1, 7]
    private static let p384: ASN1ObjectIdentifier = [1, 3, 132, 0, 34]

    static func algorithm(of der: [UInt8]) throws(KeyPairError) -> Algorithm {
        let algorithm: ASN1ObjectIdentifier
        let curve: ASN1ObjectIdentifier?
        do {
            (algorithm, curve) = try DER.sequence(try DER.parse(der), identifier: .sequence) { info in
                _ = try Int(derEncoded: &info)
                guard let identifier = info.next() else { throw KeyPairError.malformed }
                let identifiers = try DER.sequence(identifier, identifier: .sequence) { parts in
                    let algorithm = try ASN1ObjectIdentifier(derEncoded: &parts)
                    let parameters = parts.next()
                    return (algorithm, parameters.flatMap { try? ASN1ObjectIdentifier(derEncoded: $0) })
                }
                _ = try ASN1OctetString(derEncoded: &info)
                while info.next() != nil {}
                return identifiers
            }
        } catch {
            throw .malformed
        }
        switch (algorithm, curve) {
        case (self.ecPublicKey, self.p256): return .p256
        case (self.ecPublicKey, self.p384): return .p384
        case (self.rsaEncryption, _): return .rsa
        case (self.ed25519, nil): return .ed25519
        default: throw .unsupportedKeyType
        }
    }
}
