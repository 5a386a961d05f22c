import JOSE
import KeyManagement
import SPIFFE
import X509

/// What an agent keeps over restarts, and its two files.
///
/// `agent-data.json` has the certificate chain and the trust bundle; `agent-keys.json` the private key, and beside it,
/// while a renewal is under way, the next one. The key is on disk before the certificate is asked for, and the
/// certificate names its key by being its own: whenever the agent stops, the two files belong together.
struct AgentData: Sendable {
    static let fileName = "agent-data.json"
    static let keyFileName = "agent-keys.json"
    static let maxFileBytes = 8 << 20

    var trustDomain: TrustDomain
    /// DER, the leaf first; empty where there is no identity.
    var chain: [[UInt8]]
    var bundle: TrustBundle

    /// Reads the content of `agent-data.json`.
    init(parsing bytes: [UInt8]) throws(AgentDataError) {
        guard let object = (try? JSON.parse(bytes, maxBytes: Self.maxFileBytes))?.object else { throw .notJSON }
        guard let name = object["trust_domain"]?.string, let trustDomain = try? TrustDomain(parsing: name) else {
            throw .member("trust_domain")
        }
        guard let chain = object["svid"]?.strings else { throw .member("svid") }
        guard let document = object["bundle"] else { throw .member("bundle") }
        self.trustDomain = trustDomain
        self.chain = []
        for text in chain {
            guard let der = try? Base64.decode(text) else { throw .member("svid") }
            self.chain.append(der)
        }
        do {
            self.bundle = try TrustBundle(parsing: JSON.serialize(document), trustDomain: trustDomain)
        } catch {
            throw .bundle(error)
        }
    }

    init(trustDomain: TrustDomain, chain: [[UInt8]], bundle: TrustBundle) {
        self.trustDomain = trustDomain
        self.chain = chain
        self.bundle = bundle
    }

    /// The content of `agent-data.json`.
    func serialized() -> [UInt8] {
        let bundle = (try? JSON.parse(self.bundle.document(), maxBytes: TrustBundle.maxDocumentBytes)) ?? .null
        let object: JSONObject = [
            "trust_domain": .string(self.trustDomain.name),
            "svid": .array(self.chain.map { .string(Base64.encode($0)) }),
            "bundle": bundle,
        ]
        return JSON.serialize(.object(object), pretty: true)
    }

    /// The content of `agent-keys.json`: secret.
    static func serialized(keys: [[UInt8]]) -> [UInt8] {
        JSON.serialize(.object(["keys": .array(keys.map { .string(Base64.encode($0)) })]))
    }

    /// Reads the content of `agent-keys.json`.
    static func keys(parsing bytes: [UInt8]) throws(AgentDataError) -> [[UInt8]] {
        guard let object = (try? JSON.parse(bytes, maxBytes: Self.maxFileBytes))?.object else { throw .notJSON }
        guard let texts = object["keys"]?.strings else { throw .member("keys") }
        var keys: [[UInt8]] = []
        for text in texts {
            guard let key = try? Base64.decode(text) else { throw .member("keys") }
            keys.append(key)
        }
        return keys
    }
}

/// What is wrong with a file of the agent's identity; never its content.
enum AgentDataError: Error, Hashable, CustomStringConvertible {
    case notJSON
    case member(String)
    case bundle(TrustBundleError)
    case otherTrustDomain(TrustDomain)
    case svid(X509SVIDError)
    case notAnAgent(SPIFFEID)

    var description: String {
        switch self {
        case .notJSON: "the file is not JSON"
        case .member(let name): "the member '\(name)' is missing or malformed"
        case .bundle(let error): "the trust bundle cannot be read: \(error)"
        case .otherTrustDomain(let name):
            "the identity is of trust domain '\(name)', the agent is configured for another"
        case .svid(let error): "the identity cannot be used: \(error)"
        case .notAnAgent(let id): "'\(id)' is not the identity of an agent"
        }
    }
}
