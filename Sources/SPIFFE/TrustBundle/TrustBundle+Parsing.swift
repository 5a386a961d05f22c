import JOSE

/// Reading bundle documents (SPIFFE Trust Domain and Bundle §4).
extension TrustBundle {
    /// Reads a SPIFFE bundle document.
    ///
    /// Entries of an unknown kind, or that are faulty in themselves, are left out and named in ``skipped``; everything else
    /// that is wrong refuses the document. Unknown members are ignored. `refresh_hint`, as the standard also calls it, is
    /// taken for `spiffe_refresh_hint` where that is absent, and ignored where it is no such number.
    ///
    /// - Parameters:
    ///   - document: At most ``maxDocumentBytes``.
    ///   - trustDomain: Whose bundle it is; the document does not say.
    /// - Throws: ``TrustBundleError``.
    public init(parsing document: [UInt8], trustDomain: TrustDomain) throws(TrustBundleError) {
        let object = try Self.object(document, maxBytes: Self.maxDocumentBytes)
        try self.init(object, trustDomain: trustDomain)
    }

    /// Reads the JWK Set of JWT authorities that the Workload API returns for a trust domain.
    ///
    /// As ``init(parsing:trustDomain:)``, but an entry without `use` is taken for a `jwt-svid` one, since SPIRE leaves it
    /// out there; entries of other uses are skipped, so the bundle has no X.509 authorities.
    public init(parsingJWTKeySet document: [UInt8], trustDomain: TrustDomain) throws(TrustBundleError) {
        try self.init(parsingKeySet: document, use: Self.jwtUse, trustDomain: trustDomain)
    }

    /// Reads the JWK Set of WIT authorities that the Workload API returns for a trust domain.
    ///
    /// As ``init(parsing:trustDomain:)``, but an entry without `use` is taken for a `wit-svid` one; entries of other uses
    /// are skipped, so the bundle has no authorities of other kinds.
    public init(parsingWITKeySet document: [UInt8], trustDomain: TrustDomain) throws(TrustBundleError) {
        try self.init(parsingKeySet: document, use: Self.witUse, trustDomain: trustDomain)
    }

    private init(parsingKeySet document: [UInt8], use: String, trustDomain: TrustDomain) throws(TrustBundleError) {
        let object = try Self.object(document, maxBytes: Self.maxDocumentBytes)
        var reader = BundleEntryReader(acceptedUses: [use], defaultUse: use)
        try reader.read(Self.keys(of: object))
        self.init(
            trustDomain: trustDomain, x509Authorities: [], jwtAuthorities: reader.jwtAuthorities,
            witAuthorities: reader.witAuthorities, sequenceNumber: nil, refreshHint: nil, skipped: reader.skipped)
    }

    init(_ object: JSONObject, trustDomain: TrustDomain) throws(TrustBundleError) {
        var reader = BundleEntryReader(acceptedUses: [Self.x509Use, Self.jwtUse, Self.witUse], defaultUse: nil)
        try reader.read(Self.keys(of: object))
        self.init(
            trustDomain: trustDomain, x509Authorities: reader.x509Authorities,
            jwtAuthorities: reader.jwtAuthorities, witAuthorities: reader.witAuthorities,
            sequenceNumber: try Self.sequenceNumber(in: object), refreshHint: try Self.refreshHint(in: object),
            skipped: reader.skipped)
    }

    static func object(_ document: [UInt8], maxBytes: Int) throws(TrustBundleError) -> JSONObject {
        guard document.count <= maxBytes else { throw .tooLong(maxBytes: maxBytes) }
        let value: JSONValue
        do { value = try JSON.parse(document, maxBytes: maxBytes) } catch { throw .malformedJSON(error) }
        guard let object = value.object else { throw .notAnObject }
        return object
    }

    private static func keys(of object: JSONObject) throws(TrustBundleError) -> [JSONValue] {
        guard let value = object["keys"] else { throw .keysMissing }
        guard let keys = value.array else { throw .keysNotAnArray }
        guard keys.count <= self.maxAuthorities else { throw .tooManyAuthorities(limit: self.maxAuthorities) }
        return keys
    }

    private static func sequenceNumber(in object: JSONObject) throws(TrustBundleError) -> UInt64? {
        guard let value = object["spiffe_sequence"] else { return nil }
        guard let number = value.number?.uint64 else { throw .invalidSequenceNumber }
        return number
    }

    private static func refreshHint(in object: JSONObject) throws(TrustBundleError) -> Duration? {
        guard let value = object["spiffe_refresh_hint"] else {
            // Anyone's name for anything: only a number that fits is the standard's.
            return object["refresh_hint"].flatMap(Self.refreshHint)
        }
        guard let hint = Self.refreshHint(value) else { throw .invalidRefreshHint }
        return hint
    }

    private static func refreshHint(_ value: JSONValue) -> Duration? {
        guard let seconds = value.number?.int64, (0...self.maxRefreshHintSeconds).contains(seconds) else { return nil }
        return .seconds(seconds)
    }
}
