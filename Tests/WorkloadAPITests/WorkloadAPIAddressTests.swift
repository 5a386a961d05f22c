import Testing
import WorkloadAPI

@Suite("SPIFFE Workload Endpoint §4: the address", .timeLimit(.minutes(1)))
struct WorkloadAPIAddressTests {
    @Test("WEP-10: without an explicit address it is that of SPIFFE_ENDPOINT_SOCKET")
    func environment() throws {
        let address = try WorkloadAPIAddress(environment: ["SPIFFE_ENDPOINT_SOCKET": "unix:///run/a.sock"])
        #expect(address.endpoint == .unix(path: "/run/a.sock"))
    }

    @Test(
        "WEP-10: an absent or empty SPIFFE_ENDPOINT_SOCKET is an error",
        arguments: [[:], ["SPIFFE_ENDPOINT_SOCKET": ""]] as [[String: String]])
    func noEnvironment(_ environment: [String: String]) {
        #expect(throws: WorkloadAPIAddressError.notConfigured) { try WorkloadAPIAddress(environment: environment) }
    }

    @Test(
        "WEP-11: the scheme is unix or tcp",
        arguments: [
            ("blah", .schemeMissing), ("/tmp/a.sock", .schemeMissing), ("", .schemeMissing), ("\t", .schemeMissing),
            ("http://x", .schemeUnsupported("http")), ("npipe:name", .schemeUnsupported("npipe")),
            (":///a", .schemeUnsupported("")),
        ] as [(String, WorkloadAPIAddressError)])
    func scheme(uri: String, error: WorkloadAPIAddressError) {
        #expect(throws: error) { try WorkloadAPIAddress(parsing: uri) }
    }

    @Test(
        "WEP-12: a unix URI has no authority", arguments: ["unix://foo", "unix://foo/path", "unix://u:p@foo/path"])
    func authority(uri: String) {
        #expect(throws: WorkloadAPIAddressError.unixAuthority) { try WorkloadAPIAddress(parsing: uri) }
    }

    @Test(
        "WEP-13: a unix URI holds an absolute path",
        arguments: [
            ("unix:///run/a.sock", "/run/a.sock"), ("unix:/run/a.sock", "/run/a.sock"),
            ("UNIX:///run/a.sock", "/run/a.sock"), ("unix:///run/a%20b.sock", "/run/a b.sock"),
        ])
    func path(uri: String, path: String) throws {
        #expect(try WorkloadAPIAddress(parsing: uri).endpoint == .unix(path: path))
    }

    @Test(
        "WEP-13: a unix URI without an absolute path is refused",
        arguments: ["unix:a.sock", "unix:opaque", "unix://", "unix:", "unix:///"])
    func noPath(uri: String) {
        #expect(throws: WorkloadAPIAddressError.pathNotAbsolute) { try WorkloadAPIAddress(parsing: uri) }
    }

    @Test(
        "WEP-14: a unix URI is scheme and path only",
        arguments: [("unix:///a?x", .query), ("unix:///a#x", .fragment)] as [(String, WorkloadAPIAddressError)])
    func unixOnly(uri: String, error: WorkloadAPIAddressError) {
        #expect(throws: error) { try WorkloadAPIAddress(parsing: uri) }
    }

    @Test(
        "WEP-15: the host of a tcp URI is an IP address",
        arguments: [
            ("tcp://127.0.0.1:8000", "127.0.0.1", 8000), ("tcp://[::1]:8000", "::1", 8000),
            ("tcp://1.2.3.4:65535", "1.2.3.4", 65_535),
        ])
    func host(uri: String, host: String, port: Int) throws {
        let address = try WorkloadAPIAddress(parsing: uri)
        #expect(address.endpoint == .tcp(host: host, port: port))
        #expect(address.description == uri)
    }

    @Test(
        "WEP-15: a tcp URI with another host, or none, is refused",
        arguments: [
            ("tcp://localhost:8000", .hostNotIPAddress("localhost")), ("tcp://foo", .hostNotIPAddress("foo")),
            ("tcp://[127.0.0.1]:1", .hostNotIPAddress("127.0.0.1")), ("tcp://[::1", .hostNotIPAddress("[::1")),
            ("tcp://1.2.3:1", .hostNotIPAddress("1.2.3")), ("tcp://", .hostMissing), ("tcp://:80", .hostMissing),
            ("tcp://127.0.0.1\0x:80", .hostNotIPAddress("127.0.0.1\0x")),
            ("tcp://[::1\0x]:80", .hostNotIPAddress("::1\0x")),
        ] as [(String, WorkloadAPIAddressError)])
    func noHost(uri: String, error: WorkloadAPIAddressError) {
        #expect(throws: error) { try WorkloadAPIAddress(parsing: uri) }
    }

    @Test(
        "WEP-16: a tcp URI has a port",
        arguments: [
            ("tcp://1.2.3.4", .portMissing), ("tcp://1.2.3.4:", .portMissing), ("tcp://[::1]", .portMissing),
            ("tcp://1.2.3.4:0", .portInvalid("0")), ("tcp://1.2.3.4:65536", .portInvalid("65536")),
            ("tcp://1.2.3.4:+1", .portInvalid("+1")), ("tcp://1.2.3.4:1:2", .portInvalid("1:2")),
        ] as [(String, WorkloadAPIAddressError)])
    func port(uri: String, error: WorkloadAPIAddressError) {
        #expect(throws: error) { try WorkloadAPIAddress(parsing: uri) }
    }

    @Test(
        "WEP-17: a tcp URI is scheme, host and port only",
        arguments: [
            ("tcp://127.0.0.1:8000/foo", .tcpPath), ("tcp://127.0.0.1:8000/", .tcpPath),
            ("tcp://127.0.0.1:8000?x", .query), ("tcp://127.0.0.1:8000#x", .fragment), ("tcp:opaque", .hostMissing),
            ("tcp://u:p@127.0.0.1:8000", .userInformation),
        ] as [(String, WorkloadAPIAddressError)])
    func tcpOnly(uri: String, error: WorkloadAPIAddressError) {
        #expect(throws: error) { try WorkloadAPIAddress(parsing: uri) }
    }

    @Test("a path that no Unix socket can have is refused")
    func longPath() {
        #expect(throws: WorkloadAPIAddressError.pathTooLong(108)) {
            try WorkloadAPIAddress(parsing: "unix:///" + String(repeating: "a", count: 107))
        }
        #expect(throws: WorkloadAPIAddressError.pathEncoding) { try WorkloadAPIAddress(parsing: "unix:///a%0") }
        #expect(throws: WorkloadAPIAddressError.pathEncoding) { try WorkloadAPIAddress(parsing: "unix:///a%00b") }
        #expect(throws: WorkloadAPIAddressError.pathEncoding) { try WorkloadAPIAddress(parsing: "unix:///a%FFb") }
    }
}
