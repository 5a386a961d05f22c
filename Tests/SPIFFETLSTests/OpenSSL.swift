import ChildPrograms
import Glibc
import TestSupport
import X509

/// The program `openssl` as a peer that shares no code with us.
enum OpenSSL {
    /// When openssl judges certificates: the time of the test authorities.
    static let time = ["-attime", "1800000000"]

    /// Runs `openssl s_client`: says `ping`, and reads until the server closes.
    static func client(port: Int, _ arguments: [String]) async throws -> ProcessOutput {
        try await runProcess(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-ign_eof"] + arguments,
            input: Array("ping\n".utf8))
    }

    /// Runs `openssl s_server` while `body` runs.
    ///
    /// It answers with each line reversed. It ends with `body`, and within a minute where that cannot end it, because
    /// this process was killed.
    static func withServer<Result>(
        _ arguments: [String], _ body: (_ port: Int) async throws -> Result
    ) async throws -> Result {
        let (program, lines) = try startPrinting(
            "timeout", ["--kill-after=1", "60", "openssl", "s_server", "-accept", "127.0.0.1:0", "-rev"] + arguments,
            error: .sameAsOutput)
        defer {
            program.signal(SIGTERM)
            program.blockUntilEnd()
        }

        var printed = ""
        var port: Int?
        for await line in lines {
            printed += line + "\n"
            if line.hasPrefix("ACCEPT "), let number = line.split(separator: ":").last.flatMap({ Int($0) }) {
                port = number
                break
            }
        }
        guard let port else { throw OpenSSLError.notListening(printed) }
        return try await body(port)
    }

    enum OpenSSLError: Error {
        case notListening(String)
    }
}
