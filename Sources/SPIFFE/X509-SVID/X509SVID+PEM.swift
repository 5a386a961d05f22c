import SwiftASN1
import X509

/// An X509-SVID in the files of those who have no Workload API: PEM texts (RFC 7468).
extension X509SVID {
    /// The longest PEM text that is looked at, in bytes.
    public static let maxPEMBytes = 524_288

    /// Loads an SVID from PEM texts; they may be one and the same.
    ///
    /// Blocks of other kinds than are looked for, and text around blocks, are ignored.
    ///
    /// - Parameters:
    ///   - certificatesPEM: `CERTIFICATE` blocks, the leaf first.
    ///   - privateKeyPEM: One `PRIVATE KEY` block, which is PKCS#8 without a password.
    ///   - hint: What it is for. Default: nothing.
    /// - Throws: ``X509SVIDError``; `.malformedCertificate` and `.malformedPrivateKey` also for what is not PEM.
    public init(certificatesPEM: String, privateKeyPEM: String, hint: String = "") throws(X509SVIDError) {
        guard certificatesPEM.utf8.count <= Self.maxPEMBytes else { throw .chainTooLarge(maxBytes: Self.maxPEMBytes) }
        var chain: [UInt8] = []
        let blocks = Self.blocks(certificatesPEM, of: Certificate.defaultPEMDiscriminator)
        for (position, block) in blocks.enumerated() {
            guard let block else { throw .malformedCertificate(position: position) }
            chain += block
        }
        guard privateKeyPEM.utf8.count <= Self.maxPEMBytes else { throw .malformedPrivateKey }
        let keys = Self.blocks(privateKeyPEM, of: Self.keyDiscriminator)
        guard keys.count == 1, let key = keys[0] else { throw .malformedPrivateKey }
        try self.init(certificatesDER: chain, privateKeyPKCS8DER: key, hint: hint)
    }

    /// The chain as PEM, the leaf first.
    public var certificatesPEM: String {
        self.certificates
            .map { PEMDocument(type: Certificate.defaultPEMDiscriminator, derBytes: $0.derBytes).pemString + "\n" }
            .joined()
    }

    /// The leaf's private key as PEM, in PKCS#8 without a password: a secret.
    public var privateKeyPEM: String {
        PEMDocument(type: Self.keyDiscriminator, derBytes: self.privateKeyPKCS8DER).pemString + "\n"
    }

    private static let keyDiscriminator = "PRIVATE KEY"

    /// What the blocks of a kind hold, in their order; nil for one that is broken.
    private static func blocks(_ text: String, of kind: String) -> [[UInt8]?] {
        let bytes = Array(text.utf8)
        let starts = bytes.ranges(of: Array("-----BEGIN \(kind)-----".utf8)).map(\.lowerBound)
        let ends = starts.map { start in
            bytes[(start + 1)...].firstRange(of: Array("-----BEGIN ".utf8))?.lowerBound ?? bytes.endIndex
        }
        return zip(starts, ends).map { start, end in
            let documents = try? PEMDocument.parseMultiple(
                pemString: String(decoding: bytes[start..<end], as: UTF8.self))
            guard let documents, documents.count == 1 else { return nil }
            return documents[0].derBytes
        }
    }
}
