import ArgumentParser
import ControlPlaneProtos
import ProtoRPC
import SPIFFE

struct BundleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "The trust bundle.", subcommands: [BundleShow.self])
}

struct BundleShow: AsyncParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case pem
        case spiffe
    }

    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print the trust domain's bundle, and nothing else.")

    @OptionGroup var server: ServerOptions
    @Option(help: "pem (X.509 authorities) or spiffe (the bundle document).") var format: Format = .pem

    func run() async throws {
        let bundle = try await self.server.withServer { client in
            try await client.call(BundleMethods.getBundle, .init(), timeout: SocketClient.timeout)
        }
        try self.server.show(bundle) {
            switch self.format {
            case .pem:
                Console.print(try bundle.x509Authorities.map { try PEM.certificate($0.asn1) }.joined(separator: "\n"))
            case .spiffe: Console.print(String(decoding: try bundle.trustBundle().document(), as: UTF8.self))
            }
        }
    }
}
