import ArgumentParser
import ControlPlaneProtos
import FoundationEssentials
import ProtoRPC
import SwiftProtobuf

struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Take back what has been issued: validators hear of it at once.",
        discussion: "Exactly one of --jti, --spiffe-id, --serial and --kid.")

    @OptionGroup var server: ServerOptions
    @Option(help: "One access token, by its jti.") var jti: String?
    @Option(help: "Every token issued to this SPIFFE ID until now, and its X.509-SVIDs.") var spiffeID: String?
    @Option(help: "One X.509-SVID, by its serial number in hexadecimal, with or without colons.") var serial: String?
    @Option(help: "One key of access tokens, by its kid.") var kid: String?
    @Option(help: "Why.") var reason: String?

    func run() async throws {
        var request = Signet_Server_V1_RevokeRequest()
        let targets = [
            self.jti.map { Signet_Server_V1_RevokeRequest.OneOf_Target.jti($0) },
            self.spiffeID.map { .spiffeID($0) },
            try self.serial.map { .certificateSerial(try Self.serialNumber($0)) }, self.kid.map { .kid($0) },
        ].compactMap(\.self)
        guard targets.count == 1 else {
            throw UsageError("exactly one of --jti, --spiffe-id, --serial and --kid is required")
        }
        request.target = targets[0]
        request.reason = self.reason ?? ""
        let toSend = request
        let revocation = try await self.server.withServer { client in
            try await client.call(RevocationMethods.revoke, toSend, timeout: SocketClient.timeout)
        }
        try self.server.show(revocation) { Console.print(revocation.text) }
    }

    /// Brings a serial number into the form of the wire.
    static func serialNumber(_ text: String) throws -> String {
        let digits = text.lowercased().filter { $0 != ":" }.drop { $0 == "0" }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw UsageError("--serial: '\(text)' is not a serial number in hexadecimal")
        }
        return String(digits)
    }
}

struct RevocationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revocation", abstract: "What is revoked.", subcommands: [RevocationList.self])
}

struct RevocationList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the revocations that have not expired, the oldest first.")

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let list = try await self.server.withServer { client in
            try await client.call(RevocationMethods.listRevocations, .init(), timeout: SocketClient.timeout)
        }
        try self.server.show(list) {
            Console.print(
                "Found \(list.revocations.count) \(list.revocations.count == 1 ? "revocation" : "revocations")")
            for revocation in list.revocations { Console.print(revocation.text) }
        }
    }
}

extension Signet_Server_V1_Revocation {
    /// The revocation as `revocation list` prints it.
    var text: String {
        var lines: [(String, String)] =
            switch self.target {
            case .jti(let name): [("Token (jti)", name)]
            case .spiffeID(let name): [("SPIFFE ID", name)]
            case .certificateSerial(let name): [("Serial number", name)]
            case .kid(let name): [("Key (kid)", name)]
            case nil: []
            }
        lines += [
            ("Revoked at", Date(unixSeconds: self.revokedAt).text),
            ("Kept until", Date(unixSeconds: self.expiresAt).text), ("Revoked by", self.createdBy),
        ]
        if !self.reason.isEmpty { lines.append(("Reason", self.reason)) }
        return TextTable.lines(lines)
    }
}
