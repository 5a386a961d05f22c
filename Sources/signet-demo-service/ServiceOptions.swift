import ArgumentParser
import SPIFFE
import SPIFFETLS
import ServiceLifecycle
import WorkloadAPI

/// What serving and calling have in common.
struct ServiceOptions: ParsableArguments {
    @Option(help: "What this service calls itself in its output; letters, digits, '-', '_' and '.'.")
    var name: String

    @Option(help: "The SPIFFE ID of a peer to talk to; repeat it for several. Nobody else is talked to.")
    var authorize: [AuthorizedID]

    @Option(help: "The IP address to listen on or to connect to.")
    var address: String = "127.0.0.1"

    func validate() throws {
        guard !self.name.isEmpty, self.name.utf8.count <= 64, self.name.allSatisfy(Self.isNameCharacter) else {
            throw ValidationError("The name has 1 to 64 letters, digits, '-', '_' and '.'.")
        }
        guard !self.authorize.isEmpty else { throw ValidationError("Say with --authorize whom to talk to.") }
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
    }

    /// A source that has an identity to follow.
    ///
    /// - Throws: `ExitCode(3)` after printing what the Workload API said, where it has none for this process.
    func identity() async throws -> X509Source { try await self.identityAndClient().source }

    /// A source that has an identity to follow, and the client that it asks.
    ///
    /// - Throws: As ``identity()`` does.
    func identityAndClient() async throws -> (source: X509Source, client: WorkloadAPIClient) {
        let address: WorkloadAPIAddress
        do { address = try WorkloadAPIAddress() } catch { throw ValidationError("\(error)") }
        let client = WorkloadAPIClient(address: address)
        do {
            _ = try await client.fetchX509Context()
        } catch WorkloadAPIError.permissionDenied(let message) {
            print("\(self.name): no identity: \(message)")
            throw ExitCode(3)
        }
        return (X509Source(client: client), client)
    }

    /// TLS that talks to the authorized peers only.
    func tls(_ source: X509Source) -> SPIFFETLSContexts {
        SPIFFETLSContexts(source: source, policy: .oneOf(Set(self.authorize.map(\.id))))
    }
}

/// A SPIFFE ID on the command line.
struct AuthorizedID: ExpressibleByArgument {
    let id: SPIFFEID

    init?(argument: String) {
        guard let id = try? SPIFFEID(parsing: argument) else { return nil }
        self.id = id
    }
}
