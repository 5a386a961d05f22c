import ControlPlaneProtos
import FoundationEssentials
import KeyManagement
import SPIFFE

extension Spire_Api_Types_X509SVID {
    /// The SVID of a reply with the private key it was asked for with, checked as one's own X509-SVID.
    func svid(privateKey: [UInt8]) throws(X509SVIDError) -> SPIFFE.X509SVID {
        try SPIFFE.X509SVID(
            certificatesDER: self.certChain.flatMap { Array($0) }, privateKeyPKCS8DER: privateKey, hint: self.hint)
    }

    /// The agent's own identity in a reply of the server: it must be an agent's, and trusted by the bundle.
    ///
    /// Where the agent's clock is behind the server's, it is judged at the moment from which it is valid: it was issued
    /// this moment, and a join token or a renewal is not lost to a clock.
    ///
    /// - Throws: ``AgentError/serverReplyInvalid(_:)``.
    func agentIdentity(
        key: KeyPair, expected: SPIFFEID?, bundle: TrustBundle, now: Date
    ) throws(AgentError) -> AgentIdentity {
        let identity: SPIFFE.X509SVID
        do {
            identity = try self.svid(privateKey: key.pkcs8DER)
            _ = try VerifiedX509SVID.validate(
                identity.certificates, bundles: TrustBundles([bundle]), now: max(now, identity.notBefore))
        } catch {
            throw .serverReplyInvalid("the agent's X509-SVID: \(error)")
        }
        guard identity.id.isAgent(of: bundle.trustDomain), expected == nil || identity.id == expected else {
            throw .serverReplyInvalid("the agent's X509-SVID is of '\(identity.id)'")
        }
        return AgentIdentity(svid: identity, issuedAt: now)
    }
}
