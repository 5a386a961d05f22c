import SwiftASN1
public import X509

/// X.509 authorities without a bundle document around them.
extension TrustBundle {
    /// Reads DER certificates one after the other, as the Workload API transports them; no bytes are no certificates.
    ///
    /// Certificates of kinds that are not known, and of RSA keys too short to be accepted of an issuer, are left out: a
    /// trust domain may publish what its peers do not know yet. They count for the limit.
    ///
    /// - Throws: `.malformedCertificate`, `.tooManyAuthorities` or `.tooLong`.
    public static func parseCertificates(concatenatedDER: [UInt8]) throws(TrustBundleError) -> [Certificate] {
        let parts: [[UInt8]]
        do {
            parts = try ConcatenatedDER.split(
                concatenatedDER, maxBytes: self.maxDocumentBytes, maxCount: self.maxAuthorities)
        } catch {
            switch error {
            case .malformed(let index): throw .malformedCertificate(index: index)
            case .tooMany(let limit): throw .tooManyAuthorities(limit: limit)
            case .tooLong: throw .tooLong(maxBytes: self.maxDocumentBytes)
            }
        }
        return try self.usable(parts)
    }

    /// Reads the `CERTIFICATE` blocks of a PEM text; blocks of other kinds, and text around blocks, are ignored.
    ///
    /// An empty text has no certificates; a text that is neither empty nor has any block is refused. Certificates are left
    /// out as in ``parseCertificates(concatenatedDER:)``.
    ///
    /// - Throws: `.malformedPEM`, `.malformedCertificate`, `.tooManyAuthorities` or `.tooLong`.
    public static func parsePEM(_ text: String) throws(TrustBundleError) -> [Certificate] {
        guard text.utf8.count <= self.maxDocumentBytes else { throw .tooLong(maxBytes: self.maxDocumentBytes) }
        let documents: [PEMDocument]
        do { documents = try PEMDocument.parseMultiple(pemString: text) } catch { throw .malformedPEM }
        // The parser ends without an error at a first line with something after it, whatever follows.
        guard documents.count == Array(text.utf8).ranges(of: Array("-----BEGIN ".utf8)).count else {
            throw .malformedPEM
        }
        guard !documents.isEmpty || text.allSatisfy(\.isWhitespace) else { throw .malformedPEM }
        let blocks = documents.filter { $0.discriminator == Certificate.defaultPEMDiscriminator }
        guard blocks.count <= self.maxAuthorities else { throw .tooManyAuthorities(limit: self.maxAuthorities) }
        return try self.usable(blocks.map(\.derBytes))
    }

    private static func usable(_ certificates: [[UInt8]]) throws(TrustBundleError) -> [Certificate] {
        var usable: [Certificate] = []
        for (index, der) in certificates.enumerated() {
            do {
                usable.append(try Certificate(received: der))
            } catch .unsupported {
                continue
            } catch {
                throw .malformedCertificate(index: index)
            }
        }
        return usable
    }
}
