import ArgumentParser

struct WorkloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workload", abstract: "Ask the agent as a workload would.",
        subcommands: [WorkloadFetch.self, WorkloadWatch.self, WorkloadValidate.self])
}

struct WorkloadFetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Fetch identities.",
        subcommands: [
            WorkloadFetchX509.self, WorkloadFetchJWT.self, WorkloadFetchWIT.self, WorkloadFetchToken.self,
        ],
        defaultSubcommand: WorkloadFetchX509.self)
}

struct WorkloadValidate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check what others presented.", subcommands: [WorkloadValidateJWT.self])
}
