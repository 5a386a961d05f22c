import Audit
import FoundationEssentials
import JOSE
import Testing

@Suite("Audit records", .timeLimit(.minutes(1)))
struct AuditEventTests {
    static let time = Date(timeIntervalSince1970: 1_800_000_000.25)

    /// A record that says everything.
    static var whole: AuditEvent {
        var event = AuditEvent(
            time: self.time, decision: .issued, kind: .accessToken, route: "/oauth2/token",
            peer: "spiffe://a.org/orders")
        event.reason = "because"
        event.remedy = "do this"
        event.issuer = "https://tokens.a.org"
        event.keyID = "key-1"
        event.subject = "spiffe://a.org/orders"
        event.audience = ["spiffe://a.org/payments"]
        event.scope = "payments:create"
        event.tokenID = "jti-1"
        event.serialNumber = "1f"
        event.expiresAt = Date(timeIntervalSince1970: 1_800_000_600)
        event.library = "signet-swift/1.2.3"
        event.latency = .microseconds(1_234)
        event.count = 7
        return event
    }

    @Test("a record is one line of JSON with these names")
    func golden() {
        let line = #"""
            {"time":"2027-01-15T08:00:00.250Z","decision":"issued","kind":"access_token","reason":"because","remedy":"do this",\#
            "iss":"https://tokens.a.org","kid":"key-1","sub":"spiffe://a.org/orders","aud":"spiffe://a.org/payments",\#
            "scope":"payments:create","jti":"jti-1","serial":"1f","expires_at":"2027-01-15T08:10:00.000Z",\#
            "peer":"spiffe://a.org/orders","route":"/oauth2/token","library":"signet-swift/1.2.3",\#
            "latency_us":1234,"count":7}
            """#
        #expect(String(decoding: Self.whole.line, as: UTF8.self) == line + "\n")
    }

    @Test("a record comes back as it was written, whatever it says and leaves out")
    func roundTrip() {
        var several = Self.whole
        several.audience = ["a", "b"]
        let bare = AuditEvent(time: Self.time, decision: .refused, kind: .agent, route: "/x")
        for event in [Self.whole, several, bare] { #expect(AuditEvent(line: event.line.dropLast()) == event) }
        for line in ["", "{}", "[]", "{\"time\":\"now\"}", "not JSON"] {
            #expect(AuditEvent(line: Array(line.utf8)) == nil)
        }
    }

    @Test("a token where a name belongs is not written, wherever it is", arguments: ["", "x", "a b", "eyJ", "xeyJ"])
    func tokens(before: String) {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
        var event = Self.whole
        event.audience = [before + token, "other"]
        event.scope = before + token
        event.reason = "\(before)\(token) after"
        let text = String(decoding: event.line, as: UTF8.self)
        #expect(!text.contains("eyJhbGci"))
        #expect(!text.contains("c2lnbmF0dXJl"))
        #expect(text.contains(#""aud":["<redacted>","other"]"#))
    }

    @Test("a token is not written though its header has white space", arguments: [0, 1, 2, 3])
    func whiteSpace(before: Int) throws {
        for head in [
            #"{ "alg":"ES256"}"#, "{\n  \"alg\": \"ES256\"\n}", " \r\n\t{\"alg\":\"ES256\"}", "{\t\t}         ",
        ] {
            let token = Base64URL.encode(Array(head.utf8)) + ".e30.c2lnbmF0dXJl"
            var event = Self.whole
            event.scope = "spiffe://a.org/" + String(repeating: "x", count: before) + token
            #expect(AuditEvent(line: event.line.dropLast())?.scope == "<redacted>", "\(head)")
        }
    }

    @Test("what only looks a little like a token is written")
    func noTokens() {
        for text in [
            "eyJ", "eyJ.x", "spiffe://a.org/eyJhbGciOiJ", "key.eyJhbGciOiJFUzI1NiJ9",
            "spiffe://production-europe-1.internal-services.example-company.com/payments", "ICAgICAgICAgICAg.ICAg.ICAg",
        ] {
            var event = Self.whole
            event.scope = text
            #expect(AuditEvent(line: event.line.dropLast())?.scope == text)
        }
    }

    @Test("texts that peers choose are cut, and so is their number")
    func long() throws {
        var event = Self.whole
        event.audience = Array(repeating: String(repeating: "ä", count: 5_000), count: 100)
        let object = try #require(try JSON.parse(event.line.dropLast(), maxBytes: 65_536).object)
        let audience = try #require(object["aud"]?.strings)
        #expect(audience.count == AuditEvent.maxAudiences)
        #expect(audience[0] == String(repeating: "ä", count: 1_024) + "…")
    }
}
