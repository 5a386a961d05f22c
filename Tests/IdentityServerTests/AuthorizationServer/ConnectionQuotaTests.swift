import IdentityServer
import NIOCore
import NIOEmbedded
import Testing

@Suite("connections of one network", .timeLimit(.minutes(1)))
struct ConnectionQuotaTests {
    private func connect(_ quota: ConnectionQuota, from address: String) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        channel.remoteAddress = try SocketAddress(ipAddress: address, port: 40_000)
        try channel.pipeline.syncOperations.addHandler(quota.handler())
        return channel
    }

    private func isOpen(_ channel: EmbeddedChannel) -> Bool {
        channel.embeddedEventLoop.run()
        return !channel.closeFuture.isFulfilled
    }

    private func close(_ channel: EmbeddedChannel) throws {
        try channel.close().wait()
        channel.embeddedEventLoop.run()
    }

    @Test("further ones are closed at once, others' are not, and what ends makes room")
    func limit() throws {
        let quota = ConnectionQuota(limit: 2)
        let first = try self.connect(quota, from: "192.0.2.1")
        let second = try self.connect(quota, from: "192.0.2.1")
        #expect(self.isOpen(first) && self.isOpen(second))
        #expect(try !self.isOpen(self.connect(quota, from: "192.0.2.1")))
        let other = try self.connect(quota, from: "192.0.2.2")
        #expect(self.isOpen(other))
        try self.close(first)
        let third = try self.connect(quota, from: "192.0.2.1")
        #expect(self.isOpen(third))
        for channel in [second, third, other] { try self.close(channel) }
        #expect(quota.networks == 0)
    }

    @Test("an IPv6 network counts as one, however many addresses it has")
    func network() throws {
        let quota = ConnectionQuota(limit: 1)
        let first = try self.connect(quota, from: "2001:db8::1")
        #expect(self.isOpen(first))
        #expect(try !self.isOpen(self.connect(quota, from: "2001:db8::2")))
        let other = try self.connect(quota, from: "2001:db8:0:1::1")
        #expect(self.isOpen(other))
    }
}

extension EventLoopFuture {
    /// Whether it is fulfilled by now.
    fileprivate var isFulfilled: Bool {
        var isFulfilled = false
        self.assumeIsolated().whenComplete { _ in isFulfilled = true }
        return isFulfilled
    }
}
