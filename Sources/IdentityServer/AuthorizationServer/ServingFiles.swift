import Crypto
import KeyManagement
import Logging
import Rotation
import SPIFFETLS

/// The files of the certificate by which clients without a trust bundle know the server.
struct ServingFiles: Sendable {
    /// How often the files are looked at.
    static let interval: Duration = .seconds(5)
    /// The longest file that is read.
    static let maxBytes = 1_048_576

    let certificatePath: String
    let keyPath: String

    /// The contents of both files.
    struct Contents: Sendable {
        let certificate: [UInt8]
        let key: [UInt8]

        /// What tells two contents apart, without keeping the key.
        var digest: SHA256Digest {
            SHA256.hash(data: Array(SHA256.hash(data: self.certificate)) + Array(SHA256.hash(data: self.key)))
        }
    }

    /// Reads both files.
    ///
    /// - Throws: `PrivateFileError`, with the path of the file that cannot be used: also when others than its owner may
    ///   read the key.
    func read() throws -> Contents {
        Contents(
            certificate: try PrivateFile.readProvided(
                self.certificatePath, maxBytes: Self.maxBytes, refusingLooserThan: 0o7777),
            key: try PrivateFile.readProvided(self.keyPath, maxBytes: Self.maxBytes, refusingLooserThan: 0o600))
    }

    /// Serves with what the files hold, whenever they hold something else, until the task is cancelled.
    ///
    /// Files that cannot be used leave the last good certificate in force; that is said once for each content.
    func follow(_ tls: WebServerTLS, from contents: Contents, instants: Instants, logger: Logger) async throws {
        var known = contents.digest
        var failure: String?
        while true {
            try await instants.sleep(for: Self.interval)
            do {
                let next = try self.read()
                guard next.digest != known else { continue }
                // Where the two files are replaced one after the other, they fit together at the next look.
                try tls.replace(certificateChainPEM: next.certificate, privateKeyPEM: next.key)
                known = next.digest
                failure = nil
                logger.info("serving certificate replaced", metadata: [LogKey.path: "\(self.certificatePath)"])
            } catch {
                guard failure != "\(error)" else { continue }
                failure = "\(error)"
                logger.error(
                    "serving certificate not replaced, the last one stays in force",
                    metadata: [LogKey.path: "\(self.certificatePath)", LogKey.error: "\(error)"])
            }
        }
    }
}
