import AccessTokens
import JOSE
import SPIFFE
import ServiceAuthorization
import Synchronization
import TestSupport
import Testing

@Suite("The file of a service's records", .timeLimit(.minutes(1)))
struct AuditFileTests {
    @Test("each record is a line of a file that nobody else reads, and a full file is put aside")
    func file() throws {
        let directory = try TemporaryDirectory()
        let audit = try JSONLinesAudit(path: directory.path("audit"), maxFileBytes: 1_000, maxFiles: 3)
        let issuer = try TestIssuer()
        let validator = TokenValidator(
            rules: AccessTokenRules(
                issuer: TestIssuer.issuer, audience: TestIssuer.payments,
                trustDomains: [try TrustDomain(parsing: "example.org")]),
            state: issuer, maxStaleness: .seconds(30), audit: audit, instants: issuer.time.instants)
        let rule = RouteRule(.all(try ScopeSet(parsing: "payments:create")))
        let ids = (0..<20).map { "t-\($0)" }
        for id in ids {
            let token = try issuer.token(id: id)
            _ = try validator.validate(
                authorization: ["Bearer " + token], from: TestIssuer.peer(), by: rule, route: "POST /payments")
        }
        #expect(try directory.names() == ["audit", "audit.1", "audit.2"])
        var found: [String] = []
        for name in try directory.names().reversed() {
            #expect(try directory.mode(of: name) == 0o600)
            for line in try directory.read(name).split(separator: 0x0A) {
                let object = try #require(try JSON.parse(line, maxBytes: 10_000).object)
                found.append(try #require(object["jti"]?.string))
                #expect(object["decision"]?.string == "accepted")
            }
        }
        // The newest, without a gap, and none of their tokens.
        #expect(found == Array(ids.suffix(found.count)))
        #expect(found.count < 20)
    }

    @Test("lines that are lost hold up nobody, and are counted before the first that is not")
    func lost() throws {
        let lines = Recorded<[UInt8]>()
        let isBroken = Mutex(true)
        let audit = JSONLinesAudit { line in
            if !isBroken.withLock({ $0 }) { lines.append(line) }
            return !isBroken.withLock { $0 }
        }
        let issuer = try TestIssuer()
        let validator = TokenValidator(
            rules: AccessTokenRules(
                issuer: TestIssuer.issuer, audience: TestIssuer.payments,
                trustDomains: [try TrustDomain(parsing: "example.org")]),
            state: issuer, maxStaleness: .seconds(30), audit: audit, instants: issuer.time.instants)
        func call() { _ = try? validator.validate(authorization: [], from: nil, by: nil, route: "r") }
        for _ in 1...3 { call() }
        isBroken.withLock { $0 = false }
        for _ in 1...2 { call() }
        let objects = try lines.values.flatMap { $0.split(separator: 0x0A) }.map {
            try #require(try JSON.parse(Array($0), maxBytes: 10_000).object)
        }
        #expect(objects.map { $0["decision"]?.string } == ["lost", "refused", "refused"])
        #expect(objects.first?["count"]?.number?.int64 == 3)
    }
}
