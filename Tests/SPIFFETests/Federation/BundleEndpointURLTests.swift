import SPIFFE
import Testing

@Suite("URLs of bundle endpoints")
struct BundleEndpointURLTests {
    @Test(
        "FED-24: port, path and query are free",
        arguments: [
            ("https://h/b", "h", 443, "/b", "h"), ("https://h.example", "h.example", 443, "/", "h.example"),
            ("https://h:8443/a/b?x=1", "h", 8_443, "/a/b?x=1", "h:8443"), ("https://h?x=/@", "h", 443, "/?x=/@", "h"),
            ("HTTPS://H.Example/A", "h.example", 443, "/A", "h.example"),
            ("https://h:443/", "h", 443, "/", "h"), ("https://192.0.2.1:1/", "192.0.2.1", 1, "/", "192.0.2.1:1"),
            ("https://[2001:db8::1]/", "2001:db8::1", 443, "/", "[2001:db8::1]"),
            ("https://[::ffff:192.0.2.1]:65535/", "::ffff:192.0.2.1", 65_535, "/", "[::ffff:192.0.2.1]:65535"),
        ])
    func good(text: String, host: String, port: Int, target: String, hostField: String) throws {
        let url = try BundleEndpointURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(url.hostField == hostField)
        #expect(url.description == text)
    }

    @Test(
        "FED-22, FED-43: the scheme is https",
        arguments: ["http://h/b", "ftp://h/b", "h/b", "//h/b", "https:/h/b", "https:h", "", "spiffe://h/b"])
    func scheme(text: String) {
        #expect(throws: BundleEndpointURLError.notHTTPS) { try BundleEndpointURL(text) }
    }

    @Test(
        "FED-23, FED-44: there is no user information",
        arguments: ["https://u:p@h/b", "https://@h/b", "https://u@h", "https://a:443@h:8443/b"])
    func userInformation(text: String) {
        #expect(throws: BundleEndpointURLError.hasUserInformation) { try BundleEndpointURL(text) }
    }

    @Test(
        "what is no URL of a host is refused",
        arguments: [
            ("https://", BundleEndpointURLError.invalidHost), ("https:///b", .invalidHost),
            ("https://-a/", .invalidHost), ("https://a..b/", .invalidHost), ("https://*.example/", .invalidHost),
            ("https://a_b/", .invalidHost), ("https://1.2.3/", .invalidHost), ("https://1.2.3.256/", .invalidHost),
            ("https://01.2.3.4/", .invalidHost), ("https://[::1/", .invalidHost), ("https://[1:2]/", .invalidHost),
            ("https://[1::2::3]/", .invalidHost), ("https://[1:2:3:4:5:6:7:8:9]/", .invalidHost),
            ("https://[::1%25eth0]/", .invalidHost), ("https://[]/", .invalidHost), ("https://[:]/", .invalidHost),
            ("https://[1:2:3:4:5:6:7::8]/", .invalidHost), ("https://h%61/", .invalidHost),
            ("https://h:/", .invalidPort), ("https://h:0/", .invalidPort), ("https://h:65536/", .invalidPort),
            ("https://h:+1/", .invalidPort), ("https://[::1]8443/", .invalidPort), ("https://h:1:2/", .invalidPort),
            ("https://h/ b", .invalidCharacter), ("https://h/\r\nX: y", .invalidCharacter),
            ("https://hö/", .invalidCharacter), ("https://h\\@e/", .invalidCharacter), ("https://h/#f", .hasFragment),
            ("https://h/" + String(repeating: "a", count: 2_039), .tooLong(bytes: 2_049)),
        ])
    func refused(text: String, error: BundleEndpointURLError) {
        #expect(throws: error) { try BundleEndpointURL(text) }
    }

    @Test(
        "FED-22, FED-23, FED-43, FED-44: the cases of pki/vectors", arguments: Vector.all("bundle-endpoint-url"))
    func vectors(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("a URL of 2,048 bytes is accepted")
    func longest() throws {
        #expect(try BundleEndpointURL("https://h/" + String(repeating: "a", count: 2_038)).target.count == 2_039)
    }

    @Test(
        "a redirection is resolved against the URL it came from",
        arguments: [
            ("https://cdn.example/b", "https://cdn.example/b"), ("//cdn.example/b", "https://cdn.example/b"),
            ("/c?d", "https://h:8443/c?d"), ("c", "https://h:8443/a/c"), ("../c", "https://h:8443/c"),
            ("?y=2", "https://h:8443/a/b?y=2"),
        ])
    func redirected(location: String, target: String) throws {
        #expect(try BundleEndpointURL("https://h:8443/a/b?x=1").redirected(to: location).description == target)
    }

    @Test(
        "FED-33, FED-39, FED-62: a redirection leads to a URL of a bundle endpoint",
        arguments: [
            ("http://cdn.example/b", BundleEndpointURLError.notHTTPS), ("https://u@h/b", .hasUserInformation),
            ("//u:p@h/b", .hasUserInformation), ("ftp://h/b", .notHTTPS), ("https://h:99999/", .invalidPort),
            ("/b#f", .hasFragment), ("/b c", .invalidCharacter), ("file:///etc/passwd", .notHTTPS),
        ])
    func refusedRedirection(location: String, error: BundleEndpointURLError) throws {
        let url = try BundleEndpointURL("https://h/b")
        #expect(throws: error) { try url.redirected(to: location) }
    }
}
