package import AccessTokens
package import SPIFFE

extension Revocation.Target {
    /// A stable word for the kind of target.
    package var kind: String {
        switch self {
        case .token: "jti"
        case .subject: "spiffe_id"
        case .certificate: "certificate_serial"
        case .key: "kid"
        }
    }

    /// The target's name: what stands behind its kind.
    package var name: String {
        switch self {
        case .token(let id), .key(let id): id
        case .subject(let id): id.uri
        case .certificate(let serialNumber): serialNumber
        }
    }

    /// Reads what ``kind`` and ``name`` wrote.
    ///
    /// - Throws: ``RevocationError`` for a name that is not of its kind.
    package init(kind: String, name: String) throws(RevocationError) {
        let bytes = name.utf8
        guard kind == "spiffe_id" || (1...Revocation.maxTextBytes).contains(bytes.count) else { throw .length }
        switch kind {
        case "jti", "kid":
            guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .character }
            self = kind == "jti" ? .token(name) : .key(name)
        case "spiffe_id":
            do {
                self = .subject(try SPIFFEID(parsing: name))
            } catch {
                throw .spiffeID(error)
            }
        case "certificate_serial":
            guard bytes.first != UInt8(ascii: "0"), bytes.allSatisfy(Self.isLowerHex) else { throw .serialNumber }
            self = .certificate(name)
        default:
            throw .unknownKind
        }
    }

    private static func isLowerHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

/// Why something cannot be revoked.
package enum RevocationError: Error, Hashable, Sendable {
    case unknownKind
    case length
    case character
    case spiffeID(SPIFFEIDError)
    case serialNumber
}

extension RevocationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownKind: "what is revoked is a jti, a spiffe_id, a certificate_serial or a kid"
        case .length: "a name has 1 to \(Revocation.maxTextBytes) bytes"
        case .character: "a name is printable ASCII without spaces"
        case .spiffeID(let error): "not a SPIFFE ID: \(error)"
        case .serialNumber: "a serial number is lower-case hexadecimal without leading zeros"
        }
    }
}
