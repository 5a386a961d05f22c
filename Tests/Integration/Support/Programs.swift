import Foundation

/// Where the programs under test and their companions are.
enum Programs {
    /// The package's root.
    static let root = URL(filePath: #filePath).pathComponents.dropFirst().dropLast(4).reduce("") { "\($0)/\($1)" }

    /// The folder of the built programs: the one this test was built into.
    static let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path

    static let signet = "\(Self.folder)/signet"
    static let demoService = "\(Self.folder)/signet-demo-service"
    static let sdkHarness = "\(Self.folder)/signet-sdk-harness"
    static let exampleServices = "\(Self.folder)/signet-example-services"

    /// Python with the clients of others; `make python` makes it.
    static let python =
        ProcessInfo.processInfo.environment["SIGNET_TEST_PYTHON"] ?? "\(Self.root)/.build/python/bin/python"

    static let isRoot = geteuid() == 0
}
