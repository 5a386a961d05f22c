import ArgumentParser
import ControlPlaneProtos
import FoundationEssentials
import ProtoRPC
import SwiftProtobuf

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make true what an owner's policy file says of their services and grants.",
        discussion: """
            Only services whose first owner is the file's are touched, and the grants to them: what the file does not
            mention of these is deleted. All of it is done, or nothing. Doing it again changes nothing.
            """)

    @OptionGroup var server: ServerOptions
    @Option(name: [.customShort("f"), .customLong("file")], help: "The policy file, YAML; - is standard input.")
    var file: String
    @Flag(help: "Show what would be done, and do nothing.") var dryRun = false

    func run() async throws {
        var request = try PolicyFile.read(self.file, now: Date())
        request.dryRun = self.dryRun
        let toSend = request
        let response = try await self.server.withServer { client in
            try await client.call(AccessMethods.applyPolicy, toSend, timeout: SocketClient.timeout)
        }
        try self.server.show(response) {
            for step in response.steps { Console.print("\(step.kind.sign) \(step.subject)".oneLine) }
            Console.print(
                response.steps.isEmpty
                    ? "Nothing to do"
                    : "\(response.steps.count) \(response.steps.count == 1 ? "change" : "changes")\(self.dryRun ? ", not made" : "")"
            )
        }
    }
}

extension Signet_Server_V1_PolicyStep.Kind {
    fileprivate var sign: String {
        switch self {
        case .create: "+"
        case .replace: "~"
        case .delete: "-"
        case .UNRECOGNIZED: "?"
        }
    }
}
