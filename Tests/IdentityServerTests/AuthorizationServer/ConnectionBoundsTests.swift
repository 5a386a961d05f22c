import Audit
import FoundationEssentials
import IdentityServer
import SPIFFE
import TestSupport
import Testing

@Suite("the bounds of connections of OAuth clients", .timeLimit(.minutes(2)))
struct ConnectionBoundsTests {
    private static func request(_ form: String, length: Int? = nil, more: String = "") -> String {
        "POST /oauth2/token HTTP/1.1\r\nHost: tokens.example.org\r\n"
            + "Content-Type: application/x-www-form-urlencoded\r\n\(more)"
            + "Content-Length: \(length ?? form.utf8.count)\r\n\r\n\(form)"
    }

    @Test("a body that does not come in time is answered 408, and its connection ends")
    func slowBody() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            try await plane.withRawConnection(as: orders) { connection in
                try await connection.send(Self.request("grant_type=", length: 100))
                // The loops of the server (authority, own identity, token keys, pruning), and this body.
                try await plane.time.waitForSleepers(5)
                plane.time.advance(by: .seconds(10))
                let reply = await connection.read(until: "never")
                #expect(reply.hasPrefix("HTTP/1.1 408 "))
                #expect(reply.contains("\"error\":\"invalid_request\""))
            }
            #expect(try await plane.post(wish, as: orders).status == 200)
        }
    }

    @Test("a body whose connection ends before it is recorded as that, and not as slow")
    func abortedBody() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let before = plane.audit.events.count
            try await plane.withRawConnection(as: orders) { connection in
                try await connection.send(Self.request("grant_type=", length: 100))
                // The loops of the server (authority, own identity, token keys, pruning), and this body.
                try await plane.time.waitForSleepers(5)
            }
            try await waitUntil { plane.audit.events.count > before }
            #expect(plane.audit.events.dropFirst(before).map(\.reason) == ["body_aborted"])
        }
    }

    @Test("what ends with the server is recorded as that, and what fails as failed")
    func endedRequest() {
        #expect(OAuthError(failure: CancellationError()).reason == "cancelled")
        #expect(OAuthError(failure: CancellationError()).code == .temporarilyUnavailable)
        #expect(OAuthError(failure: HarnessError.noResult).reason == "internal")
    }

    @Test("a head that is too long, and one that is no HTTP, ends its connection, and others are served")
    func heads() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            for request in [
                Self.request(wish.text, more: "X-Long: \(String(repeating: "x", count: 20_000))\r\n"),
                Self.request(
                    wish.text, more: (0..<100).map { "X-\($0): 1\r\n" }.joined()),
                Self.request(wish.text, more: "Transfer-Encoding: chunked\r\n"),
                "\u{0}\u{0}\r\n\r\n",
            ] {
                try await plane.withRawConnection(as: orders) { connection in
                    try? await connection.send(request)
                    let reply = await connection.read(until: "never")
                    #expect(!reply.contains(" 200 "), "\(reply)")
                }
            }
            #expect(try await plane.post(wish, as: orders).status == 200)
        }
    }

    @Test("a certificate that expires on an open connection authenticates nobody any more")
    func expiredOnConnection() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            try await plane.withRawConnection(as: orders) { connection in
                try await connection.send(Self.request(wish.text))
                #expect(await connection.read(until: "\"scope\"").hasPrefix("HTTP/1.1 200 "))
                plane.time.advance(by: .seconds(3_601))
                try await connection.send(Self.request(wish.text))
                let reply = await connection.read(until: "}")
                #expect(reply.hasPrefix("HTTP/1.1 400 "))
                #expect(reply.contains("\"error\":\"invalid_client\""))
                #expect(plane.log.text.contains("certificate_expired"))
            }
        }
    }
}
