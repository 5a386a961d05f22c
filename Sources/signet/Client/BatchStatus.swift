import ControlPlaneProtos

/// What became of the items of a batch.
enum BatchStatus {
    /// Prints a line for each failed item and fails when there is one; each result stands for itself.
    static func check(_ failures: [(name: String, status: Spire_Api_Types_Status)], verb: String) throws {
        for failure in failures {
            Console.error("\(failure.name): \(failure.status.message.oneLine) (code \(failure.status.code))")
        }
        guard failures.isEmpty else { throw CommandError("failed to \(verb) \(failures.count) of the items") }
    }
}
