import SwiftASN1
public import X509

/// X.509 authorities without a bundle document around them.
extension TrustBundle {
    /// Reads DER certificates one after the other, as the Workload API transports them; no bytes are no certificates.
    ///
    /// - Throws: `.malformedCertificate`, `.tooManyAuthorities` or `.tooLong`.
    public static func parseCertificates(concatenatedDER: [UInt8]) throws(TrustBundleError) -> [Certificate] {
        do {
            return try ConcatenatedDER.certificates(
                concatenatedDER, maxBytes: self.maxDocumentBytes, maxCount: self.maxAuthorities)
        } catch {
            switch error {
            case .malformed(let index): throw .malformedCertificate(index: index)
            case .tooMany(let limit): throw .tooManyAuthorities(limit: limit)
            case .tooLong: throw .tooLong(maxBytes: self.maxDocumentBytes)
            }
        }
    }

    /// Reads the `CERTIFICATE` blocks of a PEM text; blocks of other kinds, and text around blocks, are ignored.
    ///
    /// An empty text has no certificates; a text that is neither empty nor has any block is refused.
    ///
    /// - Throws: `.malformedPEM`, `.malformedCertificate`, `.tooManyAuthorities` or `.tooLong`.
    public static func parsePEM(_ text: String) throws(TrustBundleError) -> [Certificate] {
        guard text.utf8.count <= self.maxDocumentBytes else { throw .tooLong(maxBytes: self.maxDocumentBytes) }
        let documents: [PEMDocument]
        do { documents = try PEMDocument.parseMultiple(pemString: text) } catch { throw .malformedPEM }
        guard !documents.isEmpty || text.allSatisfy(\.isWhitespace) else { throw .malformedPEM }
        let blocks = documents.filter { $0.discriminator == Certificate.defaultPEMDiscriminator }
        guard blocks.count <= self.maxAuthorities else { throw .tooManyAuthorities(limit: self.maxAuthorities) }
        var certificates: [Certificate] = []
        for (index, block) in blocks.enumerated() {
            do { certificates.append(try Certificate(derEncoded: block.derBytes)) } catch {
                throw .malformedCertificate(index: index)
            }
        }
        return certificates
    }
}
