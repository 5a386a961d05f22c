import KeyManagement
import Synchronization

/// A key manager in memory that notes what happens to it and can be told to fail.
final class ScriptedKeyManager: KeyManager {
    enum Event: Hashable {
        case generated(String), deleted(String)
    }

    private struct State {
        var events: [Event] = []
        var failingGenerations = 0
        var failingDeletions = 0
    }

    static let failure = KeyManagerError.tooManyKeys(limit: 0)
    private let keyManager = MemoryKeyManager()
    private let state = Mutex(State())

    var events: [Event] { self.state.withLock { $0.events } }

    func failNextGenerations(_ count: Int) { self.state.withLock { $0.failingGenerations = count } }
    func failNextDeletions(_ count: Int) { self.state.withLock { $0.failingDeletions = count } }

    /// The names of all keys, sorted.
    func names() async throws -> [String] { try await self.keys().map(\.id) }

    func generateKey(id: String, type: KeyType) async throws(KeyManagerError) -> SigningKey {
        let isFailing = self.state.withLock { state in
            defer { state.failingGenerations -= state.failingGenerations > 0 ? 1 : 0 }
            return state.failingGenerations > 0
        }
        guard !isFailing else { throw Self.failure }
        let key = try await self.keyManager.generateKey(id: id, type: type)
        self.state.withLock { $0.events.append(.generated(id)) }
        return key
    }

    func key(id: String) async throws(KeyManagerError) -> SigningKey? { try await self.keyManager.key(id: id) }
    func keys() async throws(KeyManagerError) -> [SigningKey] { try await self.keyManager.keys() }

    func deleteKey(id: String) async throws(KeyManagerError) {
        let isFailing = self.state.withLock { state in
            defer { state.failingDeletions -= state.failingDeletions > 0 ? 1 : 0 }
            return state.failingDeletions > 0
        }
        guard !isFailing else { throw Self.failure }
        try await self.keyManager.deleteKey(id: id)
        self.state.withLock { $0.events.append(.deleted(id)) }
    }
}
