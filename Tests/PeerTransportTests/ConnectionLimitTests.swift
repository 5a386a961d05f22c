import Glibc
import NIOCore
import PeerTransport
import Testing

@Suite("How many connections there may be", .timeLimit(.minutes(1)))
struct ConnectionLimitTests {
    private let unix = RPCListener(.unix(path: "/a", socketMode: 0, directoryMode: 0), routes: RPCRoutes())
    private let tcp = RPCListener(.tcp(host: "::", port: 0, tls: { [] }), routes: RPCRoutes())

    @Test("Unix sockets have a quarter to themselves beside TCP, everything without it")
    func shares() {
        func shares(_ total: Int, _ listeners: RPCListener...) -> [Int] {
            RPCListener.connectionShares(of: total, among: listeners)
        }
        #expect(shares(512, self.unix, self.tcp) == [128, 384])
        #expect(shares(512, self.unix) == [512])
        #expect(shares(512, self.tcp, self.tcp) == [256, 256])
        #expect(shares(512, self.unix, self.tcp, self.unix) == [64, 384, 64])
        #expect(shares(2, self.unix, self.tcp) == [1, 2])
    }

    @Test(
        "a peer of TCP is known by its IPv4 address, or the /64 network of its IPv6 address",
        arguments: [
            ("192.0.2.1", [192, 0, 2, 1]), ("::ffff:192.0.2.1", [192, 0, 2, 1]),
            ("2001:db8:1:2:3:4:5:6", [0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 2]),
            ("2001:db8:1:2::1", [0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 2]),
        ] as [(String, [UInt8])])
    func networks(address: String, network: [UInt8]) throws {
        #expect(PeerKey(remote: try SocketAddress(ipAddress: address, port: 1)) == .network(network))
    }

    @Test("the limit of open files is raised to what the system allows")
    func openFiles() throws {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        #expect(unsafe getrlimit(resource, &limit) == 0)
        let most = limit.rlim_max
        limit.rlim_cur = min(limit.rlim_cur, most - 1)
        #expect(unsafe setrlimit(resource, &limit) == 0)
        OpenFiles.raiseLimit()
        #expect(OpenFiles.limit == Int(clamping: most))
    }
}
