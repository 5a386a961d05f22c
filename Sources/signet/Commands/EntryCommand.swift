import ArgumentParser

struct EntryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entry", abstract: "Registration entries: which process gets which identity.",
        subcommands: [EntryCreate.self, EntryUpdate.self, EntryDelete.self, EntryShow.self, EntryCount.self])
}
