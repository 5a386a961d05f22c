import ArgumentParser
import ControlPlaneProtos
import FoundationEssentials
import ProtoRPC
import SwiftProtobuf

struct JWTCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jwt", abstract: "JWT-SVIDs.", subcommands: [JWTMint.self])
}

struct JWTMint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mint", abstract: "Mint a JWT-SVID.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The SPIFFE ID.") var spiffeID: String
    @Option(help: "Who the token is for; repeatable or separated by commas.") var audience: [String] = []
    @Option(help: "Seconds it lives, or as 1h (0: the server's default).", transform: LifetimeOption.init(argument:))
    var ttl = LifetimeOption.serverDefault
    @Option(help: "A file for the token, 0600 (default: print it).") var write: String?

    func run() async throws {
        let id = try Spire_Api_Types_SPIFFEID(argument: self.spiffeID, option: "--spiffe-id")
        let audiences = try AudienceOption.values(self.audience)
        let file = try self.write.map { try OutputFile($0) }
        let asked = Date()
        let response = try await self.server.withServer { client in
            let request = Spire_Api_Server_Svid_V1_MintJWTSVIDRequest.with {
                $0.id = id
                $0.audience = audiences
                $0.ttl = self.ttl.seconds
            }
            return try await client.call(SVIDMethods.mintJWTSVID, request, timeout: SocketClient.timeout)
        }
        self.ttl.reportIfShortened("JWT-SVID", expiresAt: response.svid.expiresAt, asked: asked)
        if let file {
            try file.writeSecret(response.svid.token + "\n")
        } else {
            try self.server.show(response) { Console.print(response.svid.token) }
        }
    }
}

/// `--audience`, in all the spellings SPIRE's users know: repeated, or one list separated by commas.
enum AudienceOption {
    static func values(_ arguments: [String]) throws -> [String] {
        let values = arguments.flatMap { $0.split(separator: ",").map(String.init) }
        guard !values.isEmpty else { throw UsageError("--audience is required") }
        return values
    }
}
