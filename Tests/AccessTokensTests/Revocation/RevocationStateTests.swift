import AccessTokens
import FoundationEssentials
import SPIFFE
import TestSupport
import Testing
import X509

@Suite("Revocations in force", .timeLimit(.minutes(1)))
struct RevocationStateTests {
    private static func moment(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }

    private static func orders() throws -> SPIFFEID { try SPIFFEID(parsing: "spiffe://example.org/orders") }

    @Test("an X.509-SVID is refused by its serial number, and by its subject when it was issued until the revocation")
    func certificates() throws {
        let orders = try Self.orders()
        let state = try RevocationState(
            [
                Revocation(.certificate("a1"), revokedAt: Self.moment(100), expiresAt: Self.moment(200)),
                Revocation(.subject(orders), revokedAt: Self.moment(100), expiresAt: Self.moment(300)),
            ], now: Self.moment(100))
        func target(_ serial: String, _ issued: Double, _ now: Double) -> Revocation.Target? {
            state.target(
                revokingCertificateOf: orders, certificateSerial: serial, issuedAt: Self.moment(issued),
                now: Self.moment(now))
        }
        #expect(target("a1", 150, 199) == .certificate("a1"))
        #expect(target("a1", 150, 200) == nil)
        #expect(target("b2", 100, 299) == .subject(orders))
        #expect(target("b2", 101, 299) == nil)
        #expect(target("b2", 100, 300) == nil)
    }

    @Test("the certificate of a peer is found by its serial number, by its subject and by when it was issued")
    func peers() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        func peer(_ uri: String) throws -> VerifiedX509SVID {
            let identity = try authority.x509Identity(id: uri)
            return try VerifiedX509SVID.validate(
                identity.svid.certificates, bundles: identity.bundles, now: authority.now)
        }
        let (orders, other) = (try peer("spiffe://example.org/orders"), try peer("spiffe://example.org/other"))
        // The authority dates certificates ten seconds back: one that is issued right after the revocation is good.
        let issued = try #require(orders.chain.first).notValidBefore.addingTimeInterval(10)
        let end = authority.now.addingTimeInterval(900)
        func state(_ target: Revocation.Target, at moment: Date) throws -> RevocationState {
            try RevocationState([Revocation(target, revokedAt: moment, expiresAt: end)], now: authority.now)
        }
        let bySubject = try state(.subject(orders.id), at: issued)
        #expect(bySubject.target(revoking: orders, now: authority.now) == .subject(orders.id))
        #expect(bySubject.target(revoking: other, now: authority.now) == nil)
        #expect(bySubject.target(revoking: orders, now: end) == nil)
        let before = try state(.subject(orders.id), at: issued.addingTimeInterval(-1))
        #expect(before.target(revoking: orders, now: authority.now) == nil)
        let serial = TokenPeer(orders).certificateSerial
        let bySerial = try state(.certificate(serial), at: authority.now)
        #expect(bySerial.target(revoking: orders, now: authority.now) == .certificate(serial))
        #expect(bySerial.target(revoking: other, now: authority.now) == nil)
        #expect(RevocationState().target(revoking: orders, now: authority.now) == nil)
    }

    @Test("what is revoked again stays revoked for the longer of both")
    func again() throws {
        let orders = try Self.orders()
        var state = RevocationState()
        try state.add(
            [Revocation(.subject(orders), revokedAt: Self.moment(100), expiresAt: Self.moment(300))],
            now: Self.moment(100))
        try state.add(
            [Revocation(.subject(orders), revokedAt: Self.moment(50), expiresAt: Self.moment(200))],
            now: Self.moment(100))
        #expect(state.revocation(of: orders, now: Self.moment(299)) == Self.moment(100))
        #expect(state.count == 1)
    }

    @Test("what has expired is forgotten when something is added")
    func forgotten() throws {
        var state = try RevocationState(
            [Revocation(.token("a"), revokedAt: Self.moment(1), expiresAt: Self.moment(10))], now: Self.moment(1))
        #expect(state.all(now: Self.moment(10)).isEmpty)
        try state.add(
            [Revocation(.token("b"), revokedAt: Self.moment(1), expiresAt: Self.moment(20))], now: Self.moment(10))
        #expect(state.all(now: Self.moment(10)).map(\.target) == [.token("b")])
        #expect(state.count == 1)
        try state.add(
            [Revocation(.token("c"), revokedAt: Self.moment(1), expiresAt: Self.moment(10))], now: Self.moment(10))
        #expect(state.count == 1)
    }

    @Test("more than fits is refused, and displaces nothing")
    func full() throws {
        let most = RevocationState.maxRevocations
        let revocations = (0..<most).map { index in
            Revocation(.token("t\(index)"), revokedAt: Self.moment(1), expiresAt: Self.moment(10))
        }
        var state = try RevocationState(revocations, now: Self.moment(1))
        let one = [Revocation(.token("x"), revokedAt: Self.moment(1), expiresAt: Self.moment(10))]
        #expect(throws: RevocationStateError.full(max: most)) { try state.add(one, now: Self.moment(1)) }
        #expect(state.count == most)
        try state.add(revocations.prefix(1), now: Self.moment(1))
        #expect(state.count == most)
    }
}
