import Foundation
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
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Child processes of this one block SIGTERM, as its threads do.
        process.arguments =
            ["--default-signal=TERM", "timeout", "--kill-after=1", "60"]
            + ["openssl", "s_server", "-accept", "127.0.0.1:0", "-rev"] + arguments
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        let lines = AsyncStream<String>.makeStream()
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                lines.continuation.finish()
            } else {
                lines.continuation.yield(String(decoding: data, as: UTF8.self))
            }
        }
        try process.start()
        defer {
            process.terminate()
            process.waitUntilExit()
        }

        var printed = ""
        var port: Int?
        for await chunk in lines.stream {
            printed += chunk
            if let accept = printed.split(separator: "\n").first(where: { $0.hasPrefix("ACCEPT ") }),
                printed.contains("\n"), let number = accept.split(separator: ":").last.flatMap({ Int($0) })
            {
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
