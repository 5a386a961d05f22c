import Foundation

/// How much a scenario does of what it can do any amount of.
enum Thoroughness {
    /// Whether `make abuse` runs the tests: in full measure, for minutes.
    static let isHigh = ProcessInfo.processInfo.environment["SIGNET_TEST_THOROUGH"] == "1"
}
