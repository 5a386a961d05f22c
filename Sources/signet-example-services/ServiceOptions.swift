import ArgumentParser
import Foundation
import SPIFFE
import WorkloadAPI

/// What the services have in common.
struct ServiceOptions: ParsableArguments {
    @Option(help: "The IPv4 address to listen on.")
    var address = "127.0.0.1"

    @Option(help: "The TCP port to listen on; 0 takes a free one.")
    var port: UInt16 = 0

    @Option(help: "The SPIFFE ID of who may call.")
    var authorize: AuthorizedID
}

/// A SPIFFE ID on the command line.
struct AuthorizedID: ExpressibleByArgument {
    let id: SPIFFEID

    init?(argument: String) {
        guard let id = try? SPIFFEID(parsing: argument) else { return nil }
        self.id = id
    }
}

extension X509Source {
    /// The identity of this process.
    static func ofThisProcess() throws -> X509Source {
        X509Source(client: WorkloadAPIClient(address: try WorkloadAPIAddress()))
    }
}

/// Prints a line that appears at once, also where the output is a file that somebody follows.
func say(_ text: String) {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
}
