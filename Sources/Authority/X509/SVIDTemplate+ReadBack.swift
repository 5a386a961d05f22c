import Crypto
import FoundationEssentials
import SPIFFE
import X509

extension SVIDTemplate {
    /// What a finished certificate says otherwise than it was asked to; nil when nothing.
    ///
    /// Reads the DER once, and holds every element against what was asked for, or against what all SVIDs of the authority
    /// have in common. That this is as it should be, and that the signature is good, is proven once for each authority.
    func violation(of der: [UInt8], _ content: SVIDContent, _ parts: Parts) -> ProfileViolation? {
        var document = DERReading(der[...])
        guard var certificate = document.enter(DERWriting.sequence), document.isAtEnd,
            var body = certificate.enter(DERWriting.sequence)
        else { return .unreadable }
        guard certificate.take(self.algorithmDER) else { return .signatureAlgorithm }
        guard let signature = certificate.contents(of: DERWriting.bitString), signature.first == 0,
            signature.count > 1, certificate.isAtEnd
        else { return .signature }
        guard body.take(Self.version3) else { return .version }
        guard let serialNumber = body.contents(of: DERWriting.integer),
            serialNumber.elementsEqual(Self.integerContents(content.serialNumber.bytes))
        else { return .serialNumber }
        guard body.take(self.algorithmDER) else { return .signatureAlgorithm }
        guard body.take(self.issuerDER) else { return .issuer }
        guard var validity = body.enter(DERWriting.sequence), validity.time() == content.notBefore,
            validity.time() == content.notAfter, validity.isAtEnd
        else { return .validity }
        guard body.take(parts.subjectDER) else { return .subject }
        guard body.take(parts.keyDER) else { return .publicKey }
        guard var wrapper = body.enter(Self.extensionsTag), body.isAtEnd,
            let extensions = wrapper.enter(DERWriting.sequence), wrapper.isAtEnd
        else { return .extensions }
        return self.violation(of: extensions, content)
    }

    private func violation(of extensions: DERReading, _ content: SVIDContent) -> ProfileViolation? {
        var extensions = extensions
        guard extensions.take(self.usageDER) else { return .extensions }
        guard var key = Self.value(of: Self.subjectKeyIdentifierOID, &extensions),
            let identifier = key.contents(of: DERWriting.octetString), key.isAtEnd,
            identifier.elementsEqual(Insecure.SHA1.hash(data: content.publicKey.subjectPublicKeyInfoBytes))
        else { return .keyIdentifier }
        guard extensions.take(self.authorityKeyIdentifierDER) else { return .keyIdentifier }
        guard var value = Self.value(of: Self.subjectAlternativeNameOID, &extensions), extensions.isAtEnd,
            var names = value.enter(DERWriting.sequence), value.isAtEnd
        else { return .extensions }
        for name in content.dnsNames.names {
            guard let found = names.contents(of: Self.dnsNameTag), found.elementsEqual(name.utf8) else {
                return .dnsNames
            }
        }
        guard let uri = names.contents(of: Self.uriTag), uri.elementsEqual(content.id.uri.utf8), names.isAtEnd else {
            return .uriName
        }
        return nil
    }

    /// What is in the next extension, which has this OID and is not critical.
    private static func value(of oid: [UInt8], _ extensions: inout DERReading) -> DERReading? {
        guard var found = extensions.enter(DERWriting.sequence), found.take(oid),
            let value = found.enter(DERWriting.octetString), found.isAtEnd
        else { return nil }
        return value
    }

    /// The contents of an INTEGER of this magnitude, which is not zero.
    private static func integerContents(_ magnitude: ArraySlice<UInt8>) -> [UInt8] {
        let significant = Array(magnitude.drop { $0 == 0 })
        return (significant.first ?? 0) < 0x80 ? significant : [0] + significant
    }
}
