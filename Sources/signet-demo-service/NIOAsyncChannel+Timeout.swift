import NIOCore

extension NIOAsyncChannel where Inbound == ByteBuffer, Outbound == ByteBuffer {
    /// Runs `body` with the connection and closes it; closes it earlier when the time is up.
    func executeThenClose<Result>(
        within timeout: TimeAmount,
        _ body: (NIOAsyncChannelInboundStream<ByteBuffer>, NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws ->
            Result
    ) async throws -> Result {
        let channel = self.channel
        let deadline = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
        defer { deadline.cancel() }
        return try await self.executeThenClose { inbound, outbound in try await body(inbound, outbound) }
    }
}
