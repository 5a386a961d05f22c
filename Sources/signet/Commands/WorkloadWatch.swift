import ArgumentParser
import FoundationEssentials
import GRPCCore
import ProtoRPC
import Rotation
import SwiftProtobuf
import Synchronization
import WorkloadAPI
import WorkloadAPIProtos

/// `signet workload watch`: every change of this process's X509-SVIDs, until interrupted.
///
/// An agent that restarts is found again, after the delays that services use. An agent that cannot be asked the first
/// time is a failure: nobody has seen yet that this command is right.
struct WorkloadWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Print this process's X509-SVIDs at every change, until interrupted.")

    @OptionGroup var workload: WorkloadOptions

    func run() async throws {
        let instants = Instants.system
        var reconnection = Reconnection()
        var generator = SystemRandomNumberGenerator()
        var isFirst = true
        var reported = ""
        while true {
            let opened = instants.now()
            let (error, receivedMessage) = await self.receiveAll()
            if isFirst, !receivedMessage { throw error }
            isFirst = false
            if receivedMessage { reported = "" }
            let life = Duration.seconds(instants.now().timeIntervalSince(opened))
            let action = reconnection.streamEnded(
                Self.failure(error), after: life, receivedMessage: receivedMessage, using: &generator)
            guard case .openAgain(let delay) = action else { throw error }
            let report = ExitReport(error).message
            if report != reported { Console.error("\(report); asking again until interrupted") }
            reported = report
            if delay > .zero { try await instants.sleep(for: delay) }
        }
    }

    /// Prints what one stream brings, and returns why it ended.
    private func receiveAll() async -> (any Error, receivedMessage: Bool) {
        let received = Mutex(false)
        do {
            try await self.workload.withAgent { client in
                try await client.stream(
                    WorkloadAPIMethods.fetchX509SVID, .init(), metadata: WorkloadOptions.metadata
                ) { updates in
                    for try await update in updates {
                        received.withLock { $0 = true }
                        do {
                            try self.workload.show(update) { Console.print(try WorkloadFetchX509.text(update)) }
                        } catch {
                            Console.error(ExitReport(error).message)
                        }
                    }
                }
            }
            return (CommandError("the agent ended the stream"), received.withLock { $0 })
        } catch {
            return (error, received.withLock { $0 })
        }
    }

    private static func failure(_ error: any Error) -> WorkloadAPIError {
        switch (error as? RPCError)?.code {
        case .permissionDenied?: .permissionDenied("")
        case .invalidArgument?: .invalidArgument("")
        case .unimplemented?: .unimplemented("")
        default: .unavailable("")
        }
    }
}
