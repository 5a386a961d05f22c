import PeerTransport

extension Settings {
    /// The keys under `limits`: what a peer may use of a listener.
    ///
    /// - Throws: ``ConfigurationError`` naming the key.
    func limits() throws(ConfigurationError) -> RPCLimits {
        var limits = RPCLimits()
        limits.maxConcurrentStreams = try self.limit("max_concurrent_streams", default: limits.maxConcurrentStreams)
        limits.maxStreamsPerPeer = try self.limit("max_streams_per_peer", default: limits.maxStreamsPerPeer)
        limits.maxConnectionsPerPeer = try self.limit("max_connections_per_peer", default: limits.maxConnectionsPerPeer)
        if self.text("limits.max_connections") != nil {
            limits.maxConnections = try self.limit("max_connections", default: 1)
        }
        limits.maxRequestBytes = try self.limit("max_request_bytes", default: limits.maxRequestBytes)
        limits.maxMetadataBytes = try self.limit("max_metadata_bytes", default: limits.maxMetadataBytes)
        limits.maxUnansweredResets = try self.limit("max_unanswered_resets", default: limits.maxUnansweredResets)
        limits.maxControlFramesPerSecond = try self.limit(
            "max_control_frames_per_second", atLeast: 100, default: limits.maxControlFramesPerSecond)
        limits.handshakeTimeout = try self.duration("limits.handshake_timeout", default: limits.handshakeTimeout)
        limits.drainTimeout = try self.duration("limits.drain_timeout", default: limits.drainTimeout)
        return limits
    }

    private func limit(_ key: String, atLeast least: Int = 1, default value: Int) throws(ConfigurationError) -> Int {
        try self.integer("limits.\(key)", in: least...Int(Int32.max), default: value)
    }
}
