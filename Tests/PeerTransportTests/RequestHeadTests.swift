import GRPCCore
import NIOHPACK
import PeerTransport
import Testing

@Suite("The header fields of a request", .timeLimit(.minutes(1)))
struct RequestHeadTests {
    private func headers(_ changes: [String: String?] = [:]) -> HPACKHeaders {
        var headers: HPACKHeaders = [
            ":method": "POST", ":scheme": "http", ":path": "/a.B/C", ":authority": "anything at all",
            "content-type": "application/grpc",
        ]
        for (name, value) in changes {
            headers.remove(name: name)
            if let value { headers.add(name: name, value: value) }
        }
        return headers
    }

    @Test("a call has a path and no deadline unless it says so")
    func plain() throws {
        let head = try RequestHead(self.headers(), maxMetadataBytes: 8_192)
        #expect(head.path == "/a.B/C")
        #expect(head.timeout == nil)
    }

    @Test(
        "the media types of gRPC are accepted",
        arguments: ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"])
    func contentTypes(type: String) throws {
        #expect(try RequestHead(self.headers(["content-type": type]), maxMetadataBytes: 8_192).path == "/a.B/C")
    }

    @Test("another media type is HTTP 415", arguments: ["application/json", "application/grpc-web", "", nil])
    func otherContentTypes(type: String?) {
        #expect(throws: RequestHead.Refusal.http(status: 415)) {
            try RequestHead(self.headers(["content-type": type]), maxMetadataBytes: 8_192)
        }
    }

    @Test("another method is HTTP 405")
    func method() {
        #expect(throws: RequestHead.Refusal.http(status: 405)) {
            try RequestHead(self.headers([":method": "GET"]), maxMetadataBytes: 8_192)
        }
    }

    @Test("metadata above the limit is refused, at the limit it is not")
    func metadata() throws {
        let headers = self.headers()
        let size = headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
        #expect(try RequestHead(headers, maxMetadataBytes: size).path == "/a.B/C")
        #expect(
            throws: RequestHead.Refusal.status(
                .resourceExhausted, "metadata is larger than \(size - 1) bytes")
        ) {
            try RequestHead(headers, maxMetadataBytes: size - 1)
        }
    }

    @Test(
        "a timeout is at most eight digits and a unit",
        arguments: [
            ("1H", Duration.seconds(3_600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
            ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("99999999H", .seconds(359_999_996_400)),
        ])
    func timeouts(text: String, expected: Duration) throws {
        #expect(CallTimeout.parse(text) == expected)
        #expect(try RequestHead(self.headers(["grpc-timeout": text]), maxMetadataBytes: 8_192).timeout == expected)
    }

    @Test(
        "any other timeout is refused",
        arguments: ["", "S", "1", "1s", "-1S", "+1S", "1.5S", " 1S", "123456789S", "1SS"])
    func otherTimeouts(text: String) {
        #expect(CallTimeout.parse(text) == nil)
        #expect(throws: RequestHead.Refusal.status(.internalError, "malformed grpc-timeout")) {
            try RequestHead(self.headers(["grpc-timeout": text]), maxMetadataBytes: 8_192)
        }
    }
}
