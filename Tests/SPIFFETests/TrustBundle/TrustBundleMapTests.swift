import FoundationEssentials
import SPIFFE
import TestSupport
import Testing

@Suite("Trust Domain and Bundle §5 the bundle map", .timeLimit(.minutes(1)))
struct TrustBundleMapTests {
    @Test("BUN-25: a map has trust_domains, be they empty", arguments: Vector.all("trust-bundle", rule: "BUN-25"))
    func trustDomains(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-26: a map may be empty", arguments: Vector.all("trust-bundle", rule: "BUN-26"))
    func empty(_ vector: Vector) throws {
        try vector.check()
        #expect(try TrustBundleMap([]).document().text == "{\"trust_domains\":{}}")
    }

    @Test(
        "BUN-27: members are named like trust domains, not like IDs",
        arguments: Vector.all("trust-bundle", rule: "BUN-27"))
    func names(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "BUN-28: a map of two bundles of one trust domain cannot be made",
        arguments: Vector.all("trust-bundle", rule: "BUN-28"))
    func producedOnce(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-29: a trust domain twice refuses the map", arguments: Vector.all("trust-bundle", rule: "BUN-29"))
    func consumedOnce(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-30: no refresh hint is written inside of a map")
    func noHintsWritten() throws {
        let bundles = try ["b", "a"].map { try TestAuthority(trustDomain: $0).bundle }
        let document = try TrustBundleMap(bundles).document().text
        #expect(!document.contains("refresh_hint"))
        #expect(document.contains("\"spiffe_sequence\":1"))
        #expect(document.hasPrefix("{\"trust_domains\":{\"a\":"))
    }

    @Test("BUN-31: a refresh hint inside of a map has no say")
    func hintsInside() throws {
        let vector = try Vector(standard: "trust-bundle", name: "map-two")
        try vector.check()
        let map = try TrustBundleMap(parsing: vector.bytes("map.json"))
        #expect(map.bundles.all.map(\.refreshHint) == [nil, nil])
    }

    @Test("BUN-32: one bad bundle refuses the map", arguments: Vector.all("trust-bundle", rule: "BUN-32"))
    func atomic(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-32: a map is the whole truth: what it does not have is gone")
    func wholeTruth() throws {
        let (first, second) = (try TestAuthority(trustDomain: "a").bundle, try TestAuthority(trustDomain: "b").bundle)
        let before = try TrustBundleMap(parsing: TrustBundleMap([first, second]).document()).bundles
        let after = try TrustBundleMap(parsing: TrustBundleMap([second]).document()).bundles
        #expect(before[first.trustDomain]?.x509Authorities == first.x509Authorities)
        #expect(after[first.trustDomain] == nil)
        #expect(after[second.trustDomain]?.x509Authorities == second.x509Authorities)
    }

    @Test("a map longer than the limit is refused")
    func tooLong() {
        let document =
            Array("{\"trust_domains\":{}}".utf8) + [UInt8](repeating: 0x20, count: TrustBundleMap.maxDocumentBytes)
        #expect(throws: TrustBundleError.tooLong(maxBytes: TrustBundleMap.maxDocumentBytes)) {
            try TrustBundleMap(parsing: document)
        }
    }
}

@Suite("Trust Domain and Bundle §3 bundles in force", .timeLimit(.minutes(1)))
struct TrustBundlesTests {
    @Test(
        "BUN-02: only the bundle of the SVID's own trust domain is used",
        arguments: Vector.all("x509-svid", rule: "BUN-02"))
    func ownBundle(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("there is one bundle a trust domain, in the order of the names")
    func oneEach() throws {
        let (a, b, newer) = (
            try TestAuthority(trustDomain: "a").bundle, try TestAuthority(trustDomain: "b").bundle,
            try TestAuthority(trustDomain: "a").bundle
        )
        var bundles = TrustBundles([b, a])
        #expect(bundles.all == [a, b])
        bundles.set(newer)
        #expect(bundles.all == [newer, b])
        bundles.remove(a.trustDomain)
        #expect(bundles.all == [b])
        #expect(bundles[a.trustDomain] == nil)
    }
}
