import AccessTokens
import FoundationEssentials
import IdentityAgent
import Registration
import Rotation
import TestSupport
import Testing

@Suite("The access tokens that the agent holds, by entry")
struct HeldAccessTokensTests {
    private struct Away: Error {}

    private let now = Date(timeIntervalSince1970: 1_800_000_000)
    private let first = [UInt8](repeating: 1, count: 32)
    private let second = [UInt8](repeating: 2, count: 32)

    private func order(
        _ entryID: String = "a", audience: String = "payments", certificate: [UInt8] = []
    ) throws -> AccessTokenOrder {
        AccessTokenOrder(
            entry: try entry(entryID), audience: audience, scopes: .none, library: .unknown,
            certificateSHA256: certificate)
    }

    private func token(_ text: String, boundTo certificate: [UInt8]? = nil) throws -> IssuedAccessToken {
        IssuedAccessToken(
            token: text, audience: "payments", scopes: .none, spiffeID: try entry("a").spiffeID, issuedAt: self.now,
            expiresAt: self.now.addingTimeInterval(600), isCertificateBound: certificate != nil, presented: certificate)
    }

    private func fetched(_ token: IssuedAccessToken, for order: AccessTokenOrder, in held: HeldAccessTokens) {
        var generator = SeededRandom(seed: 1)
        held.fetched(token, IssuedTokenNames(token), for: order, now: self.now, using: &generator)
    }

    /// The token that a caller uses at once; nil when it has to ask.
    private func used(_ order: AccessTokenOrder, of held: HeldAccessTokens) -> String? {
        var generator = SeededRandom(seed: 1)
        guard case .use(let token) = held.step(order, state: nil, now: self.now, using: &generator).step else {
            return nil
        }
        return token.token
    }

    @Test("a token that was asked for before the certificate was replaced is not given out after it")
    func lateToken() throws {
        let held = HeldAccessTokens()
        let (before, after) = (try self.order(certificate: self.first), try self.order(certificate: self.second))
        self.fetched(try self.token("t-1", boundTo: self.first), for: before, in: held)
        #expect(self.used(before, of: held) == "t-1")
        #expect(self.used(after, of: held) == nil)
        // What was under way for the first one comes back, and what is asked for the second one fails.
        self.fetched(try self.token("t-2", boundTo: self.first), for: before, in: held)
        var generator = SeededRandom(seed: 1)
        #expect(held.settled(after, now: self.now) == nil)
        held.failed(Away(), for: after, now: self.now, using: &generator)
        guard case .fail(let error) = held.step(after, state: nil, now: self.now, using: &generator).step else {
            Issue.record("a token that is bound to another certificate is given out")
            return
        }
        #expect(error is Away)
    }

    @Test("a token that is bound to no certificate stays when that is replaced")
    func unbound() throws {
        let held = HeldAccessTokens()
        self.fetched(try self.token("t-1"), for: try self.order(certificate: self.first), in: held)
        #expect(self.used(try self.order(certificate: self.second), of: held) == "t-1")
        #expect(try held.settled(self.order(certificate: self.second), now: self.now)?.get().token == "t-1")
    }

    @Test("an entry that asks for more and more displaces its own tokens, and those of no other")
    func ownTokens() throws {
        let held = HeldAccessTokens(limit: 20, limitPerEntry: 5)
        let orders = try (1...3).map { try self.order("a", audience: "\($0)") }
        for order in orders { self.fetched(try self.token("a"), for: order, in: held) }
        for number in 1...100 {
            self.fetched(try self.token("x"), for: try self.order("x", audience: "\(number)"), in: held)
        }
        #expect(held.count == 3 + 5)
        #expect(orders.map { self.used($0, of: held) } == ["a", "a", "a"])
        #expect(self.used(try self.order("x", audience: "100"), of: held) == "x")
    }

    @Test("where there are too many of all, the entry with the most gives one up")
    func allTokens() throws {
        let held = HeldAccessTokens(limit: 20, limitPerEntry: 10)
        let single = try self.order("a")
        self.fetched(try self.token("a"), for: single, in: held)
        for name in ["x", "y", "z"] {
            for number in 1...10 {
                self.fetched(try self.token(name), for: try self.order(name, audience: "\(number)"), in: held)
            }
        }
        #expect(held.count == 20)
        #expect(self.used(single, of: held) == "a")
        #expect(self.used(try self.order("z", audience: "10"), of: held) == "z")
    }

    @Test("tokens that have expired go first")
    func expiredFirst() throws {
        let held = HeldAccessTokens(limit: 20, limitPerEntry: 5)
        let later = self.now.addingTimeInterval(300)
        var generator = SeededRandom(seed: 1)
        for number in 1...5 {
            let token = IssuedAccessToken(
                token: "\(number)", audience: "payments", scopes: .none, spiffeID: try entry("a").spiffeID,
                issuedAt: self.now, expiresAt: number == 3 ? later : self.now.addingTimeInterval(600),
                isCertificateBound: false)
            self.fetched(token, for: try self.order("a", audience: "\(number)"), in: held)
        }
        let token = try self.token("6")
        held.fetched(
            token, IssuedTokenNames(token), for: try self.order("a", audience: "6"), now: later, using: &generator)
        #expect(held.count == 5)
        for number in [1, 2, 4, 5, 6] {
            #expect(self.used(try self.order("a", audience: "\(number)"), of: held) == "\(number)")
        }
    }
}
