import Foundation

/// Looks for secrets in what programs have written, however they were encoded.
struct SecretScan {
    /// One secret that was used, as the bytes that must not be found, with a name for the finding.
    struct Secret {
        let name: String
        let bytes: [UInt8]
    }

    /// What is looked for besides everything that has the shape of a key or of a token.
    let secrets: [Secret]

    /// `ECPrivateKey` up to its secret: version 1 and the head of an octet string of 32 or 48 bytes (RFC 5915 §3).
    private static let privateKeyHeads: [[UInt8]] = [[2, 1, 1, 4, 32], [2, 1, 1, 4, 48]]

    /// The secrets that are in `output`, by name; empty when there are none.
    func findings(in output: [UInt8]) -> Set<String> {
        let text = String(decoding: output, as: UTF8.self)
        var found: Set<String> = []
        if text.contains("PRIVATE KEY") { found.insert("a PEM private key") }
        if text.contains(#/eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/#) { found.insert("a JWT") }
        for bytes in [Data(output)] + Self.decodedRuns(in: output, text: text) {
            if Self.privateKeyHeads.contains(where: { bytes.range(of: Data($0)) != nil }) {
                found.insert("a DER private key")
            }
            for secret in self.secrets where bytes.range(of: Data(secret.bytes)) != nil { found.insert(secret.name) }
        }
        return found
    }

    /// The secret number of a P-256 key in PKCS#8.
    static func secretNumber(pkcs8 der: [UInt8]) -> [UInt8]? {
        guard let head = Data(der).range(of: Data(Self.privateKeyHeads[0])) else { return nil }
        return Array(der[head.upperBound...].prefix(32))
    }

    /// What the parts of the output say that look like base64, hexadecimal or a list of bytes.
    ///
    /// A part may begin within a longer run, so every alignment is tried.
    private static func decodedRuns(in output: [UInt8], text: String) -> [Data] {
        var runs: [Data] = []
        for run in output.split(whereSeparator: { !Self.isBase64($0) }) where run.count >= 24 {
            let standard = run.map { $0 == 0x2D ? 0x2B : $0 == 0x5F ? 0x2F : $0 }.filter { $0 != 0x3D }
            for skipped in 0..<4 {
                let part = standard.dropFirst(skipped)
                let whole = part.prefix(part.count / 4 * 4)
                if let data = Data(base64Encoded: Data(whole)) { runs.append(data) }
            }
        }
        for run in output.split(whereSeparator: { Self.nibble($0) == nil }) where run.count >= 32 {
            let digits = run.compactMap(Self.nibble)
            for skipped in 0..<2 {
                let pairs = stride(from: skipped, to: digits.count - 1, by: 2)
                runs.append(Data(pairs.map { digits[$0] << 4 | digits[$0 + 1] }))
            }
        }
        for list in text.matches(of: #/\d{1,3}(?:, ?\d{1,3}){15,}/#) {
            runs.append(Data(list.output.split(whereSeparator: { !$0.isNumber }).compactMap { UInt8($0) }))
        }
        return runs
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F, 0x2D, 0x5F, 0x3D: true
        default: false
        }
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
