import NodeAttestation
import Registration

extension ControlPlane {
    /// Runs one write of a store; the log says when writes begin to fail, and when they succeed again.
    func writing<Result>(_ write: () async throws -> Result) async throws -> Result {
        let result = try await self.reading(write)
        self.storeFailures.succeeded()
        return result
    }

    /// Runs one read of a store, which may succeed while writes do not.
    func reading<Result>(_ read: () async throws -> Result) async throws -> Result {
        do {
            return try await read()
        } catch {
            if let failure = StoreFailure(in: error) { self.storeFailures.failed(failure) }
            throw error
        }
    }
}

extension StoreFailure {
    /// The failure that an error of a store reports; `nil` when the store worked and refused.
    init?(in error: any Error) {
        switch error {
        case let failure as StoreFailure: self = failure
        case NodeStoreError.store(let failure): self = failure
        case JoinTokenError.store(let failure): self = failure
        default: return nil
        }
    }
}
