import Logging
import Registration

/// How SVIDs of one kind are asked for.
protocol SVIDRequests: Sendable {
    var kind: SVIDKind { get }
    /// What the log says when the server was asked in vain.
    var failureMessage: Logger.Message { get }

    /// Makes keys for entries and asks the server to sign for them.
    ///
    /// - Returns: What came of it, by entry id.
    /// - Throws: Why none of them was answered.
    func outcomes(
        of batch: [RegistrationEntry], using generator: inout some RandomNumberGenerator
    ) async throws -> [String: WorkloadCacheState.Outcome]
}
