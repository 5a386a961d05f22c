package import FoundationEssentials
import Glibc
import KeyManagement
package import SPIFFE
import X509

/// The files of the agent's identity.
///
/// An actor so that writes of bundle and identity, which come from different tasks, happen one after the other. No
/// method suspends, so nothing interleaves.
package actor AgentDataStore {
    /// What an earlier run left.
    package struct Stored: Sendable {
        package let bundle: TrustBundle
        package let identity: X509SVID?
    }

    private let trustDomain: TrustDomain
    private let dataPath: String
    private let keyPath: String
    private var data: AgentData?
    private var keys: [[UInt8]] = []

    package init(directory: String, trustDomain: TrustDomain) {
        self.trustDomain = trustDomain
        self.dataPath = directory + "/" + AgentData.fileName
        self.keyPath = directory + "/" + AgentData.keyFileName
    }

    /// Reads what is there; nil when nothing is.
    ///
    /// Removes what an earlier run may have left when it stopped in the middle of a write, which may have keys in it.
    ///
    /// - Throws: ``AgentError/dataUnusable(path:reason:)``.
    package func load() throws -> Stored? {
        for path in [self.dataPath, self.keyPath] {
            do { try PrivateFile.removeLeftovers(of: path) } catch { throw self.unusable(path, error) }
        }
        return try self.stored()
    }

    /// Whether an identity that is valid at a time is there to be used.
    ///
    /// Nothing is changed: for those who do not run the agent.
    package func hasIdentity(validAt now: Date) -> Bool {
        guard let identity = try? self.stored()?.identity else { return false }
        return now < identity.notAfter
    }

    private func stored() throws -> Stored? {
        guard let data = try self.read(self.dataPath, AgentData.init(parsing:)) else { return nil }
        guard data.trustDomain == self.trustDomain else {
            throw self.unusable(self.dataPath, AgentDataError.otherTrustDomain(data.trustDomain))
        }
        self.data = data
        self.keys = try self.read(self.keyPath, AgentData.keys(parsing:)) ?? []
        guard !data.chain.isEmpty else { return Stored(bundle: data.bundle, identity: nil) }
        return Stored(bundle: data.bundle, identity: try self.identity(chain: data.chain))
    }

    /// Keeps a key beside the one in use, before its certificate is asked for.
    package func prepare(key: [UInt8]) throws {
        let inUse = self.keys.first { (try? self.identity(of: $0)) != nil }
        let keys = [inUse, key].compactMap { $0 }
        try self.write(AgentData.serialized(keys: keys), to: self.keyPath)
        self.keys = keys
    }

    /// Keeps a new identity, whose key was prepared.
    package func save(_ identity: X509SVID, bundle: TrustBundle) throws {
        let data = AgentData(
            trustDomain: self.trustDomain, chain: identity.certificates.map(\.derBytes), bundle: bundle)
        try self.write(data.serialized(), to: self.dataPath)
        self.data = data
        let keys = [identity.privateKeyPKCS8DER]
        try self.write(AgentData.serialized(keys: keys), to: self.keyPath)
        self.keys = keys
    }

    /// Keeps a new bundle beside the identity.
    package func save(bundle: TrustBundle) throws {
        guard self.data?.bundle != bundle else { return }
        let data = AgentData(trustDomain: self.trustDomain, chain: self.data?.chain ?? [], bundle: bundle)
        try self.write(data.serialized(), to: self.dataPath)
        self.data = data
    }

    /// Removes certificate and key; the bundle stays.
    ///
    /// The certificate first: a key without one is no identity, a certificate without its key is a broken one.
    package func deleteIdentity() throws {
        if let bundle = self.data?.bundle {
            let data = AgentData(trustDomain: self.trustDomain, chain: [], bundle: bundle)
            try self.write(data.serialized(), to: self.dataPath)
            self.data = data
        }
        if unsafe unlink(self.keyPath) != 0, errno != ENOENT {
            throw self.unusable(self.keyPath, "it cannot be removed")
        }
        self.keys = []
    }

    /// The chain with the one of the keys that is its leaf's.
    private func identity(chain: [[UInt8]]) throws -> X509SVID {
        for key in self.keys {
            guard let svid = try self.identity(of: key) else { continue }
            guard svid.id.isAgent(of: self.trustDomain) else {
                throw self.unusable(self.dataPath, AgentDataError.notAnAgent(svid.id))
            }
            return svid
        }
        throw self.unusable(self.keyPath, AgentDataError.svid(.privateKeyMismatch))
    }

    /// The identity with a key; nil when the key is not the leaf's.
    private func identity(of key: [UInt8]) throws -> X509SVID? {
        do {
            return try X509SVID(
                certificatesDER: (self.data?.chain ?? []).flatMap { $0 }, privateKeyPKCS8DER: key)
        } catch {
            if error == .privateKeyMismatch { return nil }
            throw self.unusable(self.dataPath, AgentDataError.svid(error))
        }
    }

    private func read<Value>(
        _ path: String, _ parse: ([UInt8]) throws(AgentDataError) -> Value
    ) throws -> Value? {
        do {
            return try PrivateFile.read(path, maxBytes: AgentData.maxFileBytes).map(parse)
        } catch {
            throw self.unusable(path, error)
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        do {
            try PrivateFile.write(bytes, to: path)
        } catch {
            throw self.unusable(path, error)
        }
    }

    private func unusable(_ path: String, _ reason: some Any) -> AgentError {
        .dataUnusable(path: path, reason: "\(reason)")
    }
}
