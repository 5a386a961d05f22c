import FoundationEssentials
import JOSE
import SPIFFE
import SwiftProtobuf
import TestSupport
import WorkloadAPIProtos

/// An ID that the test writes down.
func id(_ uri: String) -> SPIFFEID {
    do { return try SPIFFEID(parsing: uri) } catch { preconditionFailure("\(uri): \(error)") }
}

func trustDomain(_ name: String) -> TrustDomain {
    do { return try TrustDomain(parsing: name) } catch { preconditionFailure("\(name): \(error)") }
}

extension TestAuthority {
    /// An SVID as the Workload API sends it, with this authority's bundle.
    func x509Message(
        _ id: String, hint: String = "", customise: (inout WorkloadAPIProtos.X509SVID) -> Void = { _ in }
    ) throws -> WorkloadAPIProtos.X509SVID {
        self.message(of: try self.x509SVID(id: id, hint: hint), customise: customise)
    }

    func message(
        of svid: SPIFFE.X509SVID, customise: (inout WorkloadAPIProtos.X509SVID) -> Void = { _ in }
    ) -> WorkloadAPIProtos.X509SVID {
        var message = WorkloadAPIProtos.X509SVID()
        message.spiffeID = svid.id.uri
        message.x509Svid = Data(svid.certificatesDER)
        message.x509SvidKey = Data(svid.privateKeyPKCS8DER)
        message.bundle = self.bundleData
        message.hint = svid.hint
        customise(&message)
        return message
    }

    var bundleData: Data { Data(self.bundle.x509AuthoritiesDER()) }
    var keySetData: Data { Data(self.bundle.jwtKeySet()) }

    /// A response with one SVID.
    func x509Response(_ id: String, federated: [String: Data] = [:]) throws -> X509SVIDResponse {
        .with([try self.x509Message(id)], federated: federated)
    }

    func jwtMessage(_ id: String, audience: [String], hint: String = "", lifetime: Duration = .seconds(300)) throws
        -> WorkloadAPIProtos.JWTSVID
    {
        var message = WorkloadAPIProtos.JWTSVID()
        message.spiffeID = id
        message.svid = try self.jwt(sub: id, aud: audience, lifetime: lifetime)
        message.hint = hint
        return message
    }
}

extension X509SVIDResponse {
    static func with(_ svids: [WorkloadAPIProtos.X509SVID], federated: [String: Data] = [:]) -> X509SVIDResponse {
        var response = X509SVIDResponse()
        response.svids = svids
        response.federatedBundles = federated
        return response
    }
}

extension X509BundlesResponse {
    static func with(_ bundles: [String: Data]) -> X509BundlesResponse {
        var response = X509BundlesResponse()
        response.bundles = bundles
        return response
    }
}

extension JWTBundlesResponse {
    static func with(_ bundles: [String: Data]) -> JWTBundlesResponse {
        var response = JWTBundlesResponse()
        response.bundles = bundles
        return response
    }
}

extension JWTSVIDResponse {
    static func with(_ svids: [WorkloadAPIProtos.JWTSVID]) -> JWTSVIDResponse {
        var response = JWTSVIDResponse()
        response.svids = svids
        return response
    }
}
