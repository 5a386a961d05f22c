import JOSE
import X509

/// Writing bundles (SPIFFE Trust Domain and Bundle §4).
extension TrustBundle {
    /// The bundle as a SPIFFE bundle document: a JWK Set with `spiffe_sequence` and `spiffe_refresh_hint`.
    ///
    /// The same bundle gives the same bytes. Entries have only the members that the standard names: X.509 authorities
    /// first, in their order, then JWT and WIT authorities. An empty bundle has an empty array.
    ///
    /// - Parameter pretty: Whether to break and indent lines.
    public func document(pretty: Bool = false) -> [UInt8] {
        JSON.serialize(.object(self.documentObject(withRefreshHint: true)), pretty: pretty)
    }

    /// The JWT authorities alone as a JWK Set, as `FetchJWTBundles` of the Workload API returns it.
    public func jwtKeySet() -> [UInt8] {
        JSON.serialize(["keys": .array(self.jwtEntries)])
    }

    /// The WIT authorities alone as a JWK Set, as `FetchWITBundles` of the Workload API returns it.
    public func witKeySet() -> [UInt8] {
        JSON.serialize(["keys": .array(self.witEntries)])
    }

    /// The X.509 authorities alone as DER certificates one after the other, as the Workload API returns them.
    public func x509AuthoritiesDER() -> [UInt8] {
        ConcatenatedDER.bytes(of: self.x509Authorities)
    }

    func documentObject(withRefreshHint: Bool) -> JSONObject {
        var object: JSONObject = ["keys": .array(self.x509Entries + self.jwtEntries + self.witEntries)]
        if let sequenceNumber {
            object["spiffe_sequence"] = .number(JSONNumber(sequenceNumber))
        }
        if withRefreshHint, let refreshHint {
            object["spiffe_refresh_hint"] = .number(JSONNumber(refreshHint.components.seconds))
        }
        return object
    }

    private var x509Entries: [JSONValue] {
        self.x509Authorities.map { certificate in
            var entry = JSONObject()
            for (name, value) in CertificateKeyParameters.members(of: certificate.publicKey) {
                entry[name] = .string(value)
            }
            entry["use"] = .string(Self.x509Use)
            entry["x5c"] = [.string(Base64.encode(certificate.derBytes))]
            return .object(entry)
        }
    }

    private var jwtEntries: [JSONValue] {
        self.jwtAuthorities.map { authority in
            .object(JSONWebKey(publicKey: authority.publicKey, use: Self.jwtUse, keyID: authority.keyID).object())
        }
    }

    private var witEntries: [JSONValue] {
        self.witAuthorities.map { authority in
            .object(JSONWebKey(publicKey: authority.publicKey, use: Self.witUse, keyID: authority.keyID).object())
        }
    }

    static let x509Use = "x509-svid"
    static let jwtUse = "jwt-svid"
    static let witUse = "wit-svid"
}
