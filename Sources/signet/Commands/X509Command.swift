import ArgumentParser
import ControlPlaneProtos
import FoundationEssentials
import JOSE
import KeyManagement
import ProtoRPC
import SPIFFE
import SwiftProtobuf

struct X509Command: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "x509", abstract: "X509-SVIDs.", subcommands: [X509Mint.self])
}

/// `signet x509 mint`: the key is made here, the server signs; the key never leaves this machine.
struct X509Mint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mint", abstract: "Mint an X509-SVID.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The SPIFFE ID.") var spiffeID: String
    @Option(help: "Seconds it lives, or as 1h (0: the server's default).", transform: LifetimeOption.init(argument:))
    var ttl = LifetimeOption.serverDefault
    @Option(help: "A DNS name; repeatable.") var dns: [String] = []
    @Option(help: "A folder for svid.pem, key.pem and bundle.pem (default: print them).") var write: String?

    func run() async throws {
        let id = try SPIFFEID(argument: self.spiffeID, option: "--spiffe-id")
        let folder = try self.write.map { try OutputFolder($0) }
        let asked = Date()
        let key = try KeyPair.generate(.ecP256)
        let csr = try X509SVIDRequest.make(key: key.certificateKey, id: id, dnsNames: self.dns)
        let (response, bundle) = try await self.server.withServer { client in
            let request = Spire_Api_Server_Svid_V1_MintX509SVIDRequest.with {
                $0.csr = .init(csr)
                $0.ttl = self.ttl.seconds
            }
            let response = try await client.call(SVIDMethods.mintX509SVID, request, timeout: SocketClient.timeout)
            return (response, try await client.call(BundleMethods.getBundle, .init(), timeout: SocketClient.timeout))
        }
        self.ttl.reportIfShortened("X509-SVID", expiresAt: response.svid.expiresAt, asked: asked)
        if self.write == nil, self.server.output == .json {
            return Console.print(try Self.json(response, key: key.pkcs8DER, authorities: bundle.x509Authorities))
        }
        let chain = try PEM.certificates(response.svid.certChain)
        let authorities = try PEM.certificates(bundle.x509Authorities.map(\.asn1))
        if let folder {
            try folder.write(chain, to: "svid.pem")
            try folder.writeSecret(PEM.privateKey(key.pkcs8DER) + "\n", to: "key.pem")
            try folder.write(authorities, to: "bundle.pem")
        } else {
            let keyText = PEM.privateKey(key.pkcs8DER)
            Console.print("X509-SVID:\n\(chain)\nPrivate key:\n\(keyText)\n\nRoot CAs:\n\(authorities)")
        }
    }

    /// The server's reply with what it does not hold: the key, without which the rest is of no use.
    ///
    /// The members behind `svid` have the names and forms of SPIRE's command: DER as base64, the key as PKCS#8.
    private static func json(
        _ response: Spire_Api_Server_Svid_V1_MintX509SVIDResponse, key: some Sequence<UInt8>,
        authorities: [Spire_Api_Types_X509Certificate]
    ) throws -> String {
        try ReplyJSON.text(
            of: response,
            with: [
                ("x509_svid", .array(response.svid.certChain.map { .string(Base64.encode($0)) })),
                ("private_key", .string(Base64.encode(key))),
                ("root_cas", .array(authorities.map { .string(Base64.encode($0.asn1)) })),
            ])
    }
}

extension SPIFFEID {
    init(argument text: String, option: String) throws {
        do {
            self = try SPIFFEID(parsing: text)
        } catch {
            throw UsageError("\(option): '\(text)' is not a SPIFFE ID: \(error)")
        }
    }
}
