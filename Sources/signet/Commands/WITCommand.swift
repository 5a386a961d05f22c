import ArgumentParser
import ControlPlaneProtos
import Crypto
import FoundationEssentials
import JOSE
import ProtoRPC
import SPIFFE
import SwiftProtobuf

struct WITCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wit", abstract: "WIT-SVIDs (where the server has wit_svid: true).", subcommands: [WITMint.self])
}

/// `signet wit mint`: the key is made here, the server signs a token for it; the key never leaves this machine.
struct WITMint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mint", abstract: "Mint a WIT-SVID.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The SPIFFE ID.") var spiffeID: String
    @Option(help: "The kind of key the token is bound to: ec-p256 (ES256) or ec-p384 (ES384).")
    var keyType: WITKeyType = .p256
    @Option(help: "Seconds it lives, or as 1h (0: the server's default).", transform: LifetimeOption.init(argument:))
    var ttl = LifetimeOption.serverDefault
    @Option(help: "A folder for svid.wit, key.jwk and bundle.jwks (default: print them).") var write: String?

    func run() async throws {
        let id = try Spire_Api_Types_SPIFFEID(argument: self.spiffeID, option: "--spiffe-id")
        let folder = try self.write.map { try OutputFolder($0) }
        let asked = Date()
        let key = self.keyType.newKey()
        let (response, bundle) = try await self.server.withServer { client in
            let request = Spire_Api_Server_Svid_V1_MintWITSVIDRequest.with {
                $0.id = id
                $0.publicKey = .init(key.publicKey.subjectPublicKeyInfoDER)
                $0.signingAlgorithm = self.keyType.algorithm.rawValue
                $0.ttl = self.ttl.seconds
            }
            let response = try await client.call(SVIDMethods.mintWITSVID, request, timeout: SocketClient.timeout)
            return (response, try await client.call(BundleMethods.getBundle, .init(), timeout: SocketClient.timeout))
        }
        self.ttl.reportIfShortened("WIT-SVID", expiresAt: response.svid.expiresAt, asked: asked)
        let keyText = String(decoding: JSON.serialize(.object(key.object())), as: UTF8.self)
        let authorities = String(decoding: try bundle.trustBundle().witKeySet(), as: UTF8.self)
        if let folder {
            try folder.writeSecret(response.svid.token + "\n", to: "svid.wit")
            try folder.writeSecret(keyText + "\n", to: "key.jwk")
            try folder.write(authorities + "\n", to: "bundle.jwks")
        } else if self.server.output == .json {
            // The token is of no use without its key.
            let object: JSONObject = [
                "spiffeId": .string(self.spiffeID), "token": .string(response.svid.token),
                "expiresAt": .number(JSONNumber(response.svid.expiresAt)), "privateKey": .object(key.object()),
            ]
            Console.print(String(decoding: JSON.serialize(.object(object)), as: UTF8.self))
        } else {
            Console.print(
                "WIT-SVID:\n\(response.svid.token)\n\nPrivate key:\n\(keyText)\n\nWIT authorities:\n\(authorities)")
        }
    }
}

/// `--key-type` of `signet wit mint`.
enum WITKeyType: String, ExpressibleByArgument, CaseIterable {
    case p256 = "ec-p256"
    case p384 = "ec-p384"

    var algorithm: SignatureAlgorithm {
        switch self {
        case .p256: .es256
        case .p384: .es384
        }
    }

    func newKey() -> PrivateJSONWebKey {
        switch self {
        case .p256: PrivateJSONWebKey(P256.Signing.PrivateKey())
        case .p384: PrivateJSONWebKey(P384.Signing.PrivateKey())
        }
    }
}
