/// Lets other tasks run until something is so.
///
/// For what cannot be followed; the time limit of the suite ends it by cancellation.
package func waitUntil(_ condition: () -> Bool) async throws {
    while !condition() {
        try Task.checkCancellation()
        await Task.yield()
    }
}
