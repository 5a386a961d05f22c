import Crypto
import CryptoExtras
import Foundation
import JOSE
import TestSupport

/// A key pair of each kind, made once a run.
enum TestKeys {
    static let p256 = P256.Signing.PrivateKey()
    static let p384 = P384.Signing.PrivateKey()
    static let p521 = P521.Signing.PrivateKey()
    static let ed25519 = Curve25519.Signing.PrivateKey()
    static let rsa = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    /// The public key whose type goes with an algorithm.
    static func publicKey(_ algorithm: SignatureAlgorithm) throws -> JOSE.PublicKey {
        switch algorithm {
        case .es256: JOSE.PublicKey(self.p256.publicKey)
        case .es384: JOSE.PublicKey(self.p384.publicKey)
        case .es512: JOSE.PublicKey(self.p521.publicKey)
        case .edDSA: JOSE.PublicKey(self.ed25519.publicKey)
        default: try JOSE.PublicKey(self.rsa.get().publicKey)
        }
    }

    static func sign(_ message: [UInt8], _ algorithm: SignatureAlgorithm) throws -> [UInt8] {
        let rsa = try self.rsa.get()
        let signature: Data =
            switch algorithm {
            case .es256: try self.p256.signature(for: message).rawRepresentation
            case .es384: try self.p384.signature(for: message).rawRepresentation
            case .es512: try self.p521.signature(for: message).rawRepresentation
            case .edDSA: try self.ed25519.signature(for: message)
            case .rs256:
                try rsa.signature(for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5).rawRepresentation
            case .rs384:
                try rsa.signature(for: SHA384.hash(data: message), padding: .insecurePKCS1v1_5).rawRepresentation
            case .rs512:
                try rsa.signature(for: SHA512.hash(data: message), padding: .insecurePKCS1v1_5).rawRepresentation
            case .ps256: try rsa.signature(for: SHA256.hash(data: message), padding: .PSS).rawRepresentation
            case .ps384: try rsa.signature(for: SHA384.hash(data: message), padding: .PSS).rawRepresentation
            case .ps512: try rsa.signature(for: SHA512.hash(data: message), padding: .PSS).rawRepresentation
            }
        return Array(signature)
    }

    /// A token of header and payload as given, signed with the key that goes with `algorithm`.
    static func token(header: String, payload: String, algorithm: SignatureAlgorithm = .es256) throws -> String {
        let input = [header, payload].map { Array($0.utf8).base64URL }.joined(separator: ".")
        return try input + "." + self.sign(Array(input.utf8), algorithm).base64URL
    }
}
