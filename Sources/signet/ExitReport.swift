import ArgumentParser
import GRPCCore
import Glibc

/// A command that failed for a reason the user can act on.
///
/// The sentence is all that is printed. Exit code 1.
struct CommandError: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What is printed when a command ends with an error, and the process's exit code.
struct ExitReport: Hashable {
    let message: String
    let code: Int32
    let isError: Bool

    init(_ error: any Error) {
        switch error {
        case let error as ConfigurationError:
            self.init(message: "signet: \(error)", code: 2)
        case let error as UsageError:
            self.init(message: "signet: \(error)", code: 2)
        case let error as CommandError:
            self.init(message: "signet: \(error)", code: 1)
        case let error as RPCError:
            self.init(message: "signet: \(Self.sentence(of: error))", code: 1)
        default:
            self.init(parsingOrOther: error)
        }
    }

    private init(message: String, code: Int32, isError: Bool = true) {
        self.message = message
        self.code = code
        self.isError = isError
    }

    private init(parsingOrOther error: any Error) {
        let code = Signet.exitCode(for: error)
        if code == .success {
            self.init(message: Signet.fullMessage(for: error), code: 0, isError: false)
        } else if code == .validationFailure {
            self.init(message: Signet.fullMessage(for: error), code: 2)
        } else if let exit = error as? ExitCode {
            self.init(message: "", code: exit.rawValue)
        } else {
            self.init(message: "signet: \(error)", code: 1)
        }
    }

    private static func sentence(of error: RPCError) -> String {
        error.message.isEmpty ? "refused: \(error.code)" : "\(error.message.oneLine) (\(error.code))"
    }

    /// Writes the message to the stream it belongs on and returns the exit code.
    func print() -> Int32 {
        if !self.message.isEmpty {
            self.isError ? Console.error(self.message) : Console.print(self.message)
        }
        return self.code
    }
}
