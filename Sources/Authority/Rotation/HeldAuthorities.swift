import FoundationEssentials
import KeyManagement
import X509

/// The authorities of a trust domain and the private keys of those that sign or will sign.
struct HeldAuthorities: Sendable {
    var set: AuthoritySet
    /// By name; a key that does not belong to the authority of its name is not among them.
    private(set) var keys: [String: SigningKey]

    /// The names of keys begin with this; what the key manager has under other names is never touched.
    static let keyNamePrefix = "authority-"

    /// Takes what the key manager has of the keys that `set` needs.
    ///
    /// A key that is missing, or is not the one of its authority, is lost: the authority stays in the bundle and is
    /// replaced by the next ``advance(configuration:keyManager:now:)``.
    init(set: AuthoritySet, keyManager: any KeyManager) async throws {
        var keys: [String: SigningKey] = [:]
        for authority in [set.x509.active, set.x509.prepared].compactMap(\.self) {
            guard let key = try await keyManager.key(id: authority.keyName) else { continue }
            if key.certificateKey.publicKey == authority.certificate.publicKey { keys[key.id] = key }
        }
        for authority in [set.jwt.active, set.jwt.prepared].compactMap(\.self) {
            guard let key = try await keyManager.key(id: authority.keyName) else { continue }
            if key.publicKey == authority.publicKey { keys[key.id] = key }
        }
        for authority in [set.wit.active, set.wit.prepared].compactMap(\.self) {
            guard let key = try await keyManager.key(id: authority.keyName) else { continue }
            if key.publicKey == authority.publicKey { keys[key.id] = key }
        }
        self.set = set
        self.keys = keys
    }

    /// The authorities whose private keys are lost and whose lives have not ended.
    func lostKeys(now: Date) -> [AuthorityStartFindings.LostKey] {
        self.lostKeys(of: self.set.x509, now: now) + self.lostKeys(of: self.set.jwt, now: now)
    }

    private func lostKeys<Authority: RotatingAuthority>(
        of slots: AuthoritySlots<Authority>, now: Date
    ) -> [AuthorityStartFindings.LostKey] {
        let signing: [(AuthorityRecords.Slot, Authority?)] = [(.active, slots.active), (.prepared, slots.prepared)]
        return signing.compactMap { slot, authority in
            guard let authority, now < authority.expiresAt, self.keys[authority.keyName] == nil else { return nil }
            return .init(keyName: authority.keyName, authorityID: authority.id, slot: slot)
        }
    }

    /// Carries out every step that is due, in memory; only keys are made in the key manager.
    mutating func advance(configuration: AuthorityConfiguration, keyManager: any KeyManager, now: Date) async throws {
        try await self.advance(\.x509, now: now) {
            let key = try await Self.makeKey("x509", configuration.caKeyType, keyManager)
            return (try X509Authority.selfSigned(key: key, configuration: configuration, now: now), key)
        }
        try await self.advance(\.jwt, now: now) {
            let key = try await Self.makeKey("jwt", configuration.jwtKeyType, keyManager)
            return (JWTAuthorityKey.make(key: key, configuration: configuration, now: now), key)
        }
        if let witKeyType = configuration.witKeyType {
            try await self.advance(\.wit, now: now) {
                let key = try await Self.makeKey("wit", witKeyType, keyManager)
                return (WITAuthorityKey.make(key: key, configuration: configuration, now: now), key)
            }
        } else {
            self.set.wit.retire()
            self.set.wit.prune(now: now)
        }
        let needed = self.set.neededKeyNames
        self.keys = self.keys.filter { needed.contains($0.key) }
    }

    /// Whether ``advance(configuration:keyManager:now:)`` would do anything.
    func isStepDue(now: Date) -> Bool {
        self.set.x509.nextStep(now: now) { self.keys[$0.keyName] != nil } != nil
            || self.set.jwt.nextStep(now: now) { self.keys[$0.keyName] != nil } != nil
    }

    /// The snapshot to publish.
    func state(configuration: AuthorityConfiguration) throws(IssuanceError) -> AuthorityState {
        guard let x509 = self.set.x509.active, let x509Key = self.keys[x509.keyName],
            let jwt = self.set.jwt.active, let jwtKey = self.keys[jwt.keyName]
        else { throw .signingFailed }
        var wit: WITAuthorityKey?
        if let active = self.set.wit.active {
            guard let key = self.keys[active.keyName] else { throw .signingFailed }
            wit = WITAuthorityKey(active, key: key)
        }
        return AuthorityState(
            x509: try X509Authority(x509, key: x509Key), jwt: JWTAuthorityKey(jwt, key: jwtKey), wit: wit,
            bundle: self.set.bundle, jwtIssuer: configuration.jwtIssuer)
    }

    private mutating func advance<Authority: RotatingAuthority>(
        _ kind: WritableKeyPath<AuthoritySet, AuthoritySlots<Authority>>, now: Date,
        make: () async throws -> (Authority, SigningKey)
    ) async throws {
        while let step = self.set[keyPath: kind].nextStep(now: now, canSign: { self.keys[$0.keyName] != nil }) {
            switch step {
            case .prepare:
                let (authority, key) = try await make()
                self.keys[authority.keyName] = key
                self.set[keyPath: kind].prepare(authority)
            case .activate: self.set[keyPath: kind].activate()
            case .setAside: self.set[keyPath: kind].setAside()
            case .prune: self.set[keyPath: kind].prune(now: now)
            }
        }
    }

    private static func makeKey(
        _ kind: String, _ type: KeyType, _ keyManager: any KeyManager
    ) async throws -> SigningKey {
        let random = (0..<2).map { _ in UInt64.random(in: 0...UInt64.max) }
        let name = self.keyNamePrefix + kind + "-" + random.map { String($0, radix: 36) }.joined()
        return try await keyManager.generateKey(id: name, type: type)
    }
}
