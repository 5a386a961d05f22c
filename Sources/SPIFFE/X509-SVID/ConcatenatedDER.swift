import SwiftASN1
import X509

/// DER certificates one after the other without anything between, as the Workload API transports them.
enum ConcatenatedDER {
    enum Failure: Error {
        /// The certificate of this index is not DER X.509.
        case malformed(index: Int)
        case tooMany(limit: Int)
        case tooLong
    }

    static func certificates(
        _ bytes: [UInt8], maxBytes: Int, maxCount: Int
    ) throws(Failure) -> [Certificate] {
        guard bytes.count <= maxBytes else { throw .tooLong }
        var certificates: [Certificate] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard certificates.count < maxCount else { throw .tooMany(limit: maxCount) }
            guard let length = self.lengthOfFirstElement(in: rest),
                let certificate = try? Certificate(derEncoded: Array(rest.prefix(length)))
            else { throw .malformed(index: certificates.count) }
            certificates.append(certificate)
            rest = rest.dropFirst(length)
        }
        return certificates
    }

    static func bytes(of certificates: [Certificate]) -> [UInt8] {
        certificates.flatMap { $0.derBytes }
    }

    /// The number of bytes of the SEQUENCE at the start, header included; nil when it does not fit.
    private static func lengthOfFirstElement(in bytes: ArraySlice<UInt8>) -> Int? {
        var header = bytes.prefix(5)
        guard header.popFirst() == 0x30, let first = header.popFirst() else { return nil }
        var content = Int(first)
        if first >= 0x80 {
            // Three bytes of length are more than any limit here.
            let count = Int(first & 0x7F)
            guard (1...3).contains(count), header.count >= count else { return nil }
            content = header.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            header = header.dropFirst(count)
        }
        let total = header.startIndex - bytes.startIndex + content
        return total <= bytes.count ? total : nil
    }
}

extension Certificate {
    /// The certificate as DER: the bytes it was parsed from, or was made as.
    package var derBytes: [UInt8] {
        var serializer = DER.Serializer()
        // Writes back bytes that were parsed or made before, and has no way to fail.
        try? serializer.serialize(self)
        return serializer.serializedBytes
    }
}
