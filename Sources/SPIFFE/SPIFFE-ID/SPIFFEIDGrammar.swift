/// The grammar of SPIFFE-ID §2.1 and §2.2, judged on raw bytes: nothing is decoded, trimmed or mapped.
enum SPIFFEIDGrammar {
    static let prefix = Array("spiffe://".utf8)
    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    static func checkTrustDomain(_ name: ArraySlice<UInt8>) throws(SPIFFEIDError) {
        guard !name.isEmpty else { throw .emptyTrustDomain }
        if let fault = name.first(where: { !self.isTrustDomainByte($0) }) {
            throw self.trustDomainFault(fault, in: name)
        }
        guard name.count <= TrustDomain.maxBytes else { throw .trustDomainTooLong(bytes: name.count) }
    }

    /// Checks a path: empty, or segments that each follow a slash.
    static func checkPath(_ path: ArraySlice<UInt8>) throws(SPIFFEIDError) {
        guard let first = path.first else { return }
        guard first == self.slash else { throw .relativePath }
        var segmentStart = path.startIndex + 1
        for index in path.indices.dropFirst() {
            if path[index] == self.slash {
                guard segmentStart < index else { throw .emptySegment }
                try self.checkNotDots(path[segmentStart..<index])
                segmentStart = index + 1
            } else if !self.isSegmentByte(path[index]) {
                throw self.pathFault(path[index])
            }
        }
        guard segmentStart < path.endIndex else { throw .trailingSlash }
        try self.checkNotDots(path[segmentStart...])
    }

    private static func checkNotDots(_ segment: ArraySlice<UInt8>) throws(SPIFFEIDError) {
        if segment.count <= 2, segment.allSatisfy({ $0 == self.dot }) { throw .dotSegment }
    }

    private static func isTrustDomainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), self.dot,
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isSegmentByte(_ byte: UInt8) -> Bool {
        self.isTrustDomainByte(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func trustDomainFault(_ byte: UInt8, in name: ArraySlice<UInt8>) -> SPIFFEIDError {
        switch byte {
        case UInt8(ascii: "?"): .query
        case UInt8(ascii: "#"): .fragment
        case UInt8(ascii: "@"): .userInfo
        case UInt8(ascii: ":"): name.contains(UInt8(ascii: "@")) ? .userInfo : .port
        case UInt8(ascii: "%"): .percentEncoding
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): .upperCaseTrustDomain
        default: .trustDomainByte(byte)
        }
    }

    private static func pathFault(_ byte: UInt8) -> SPIFFEIDError {
        switch byte {
        case UInt8(ascii: "?"): .query
        case UInt8(ascii: "#"): .fragment
        case UInt8(ascii: "%"): .percentEncoding
        default: .pathByte(byte)
        }
    }
}
