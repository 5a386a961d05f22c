import X509

/// DER certificates one after the other without anything between, as the Workload API transports them.
enum ConcatenatedDER {
    enum Failure: Error {
        /// The bytes from the certificate of this index on are not DER.
        case malformed(index: Int)
        case tooMany(limit: Int)
        case tooLong
    }

    /// Where one certificate ends and the next begins; what is in them is not looked at.
    static func split(_ bytes: [UInt8], maxBytes: Int, maxCount: Int) throws(Failure) -> [[UInt8]] {
        guard bytes.count <= maxBytes else { throw .tooLong }
        var certificates: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard certificates.count < maxCount else { throw .tooMany(limit: maxCount) }
            guard let element = DERElement(startOf: rest), element.tag == DERElement.sequenceTag else {
                throw .malformed(index: certificates.count)
            }
            certificates.append(Array(element.encoded))
            rest = rest[element.encoded.endIndex...]
        }
        return certificates
    }

    static func bytes(of certificates: [Certificate]) -> [UInt8] {
        certificates.flatMap { $0.derBytes }
    }
}
