/// How much more of a request the peer may send (RFC 9113 §5.2).
package enum InboundWindow {
    /// The window that every stream begins with; also that of a connection until it is widened.
    package static let streamBytes = 65_535
    /// The window of a connection: wide enough that one stream whose handler is slow does not stop the others.
    package static let connectionBytes = 1_024 * 1_024

    /// The increment to grant, or nil where it is not worth a frame.
    ///
    /// - Parameters:
    ///   - current: What the peer may still send.
    ///   - target: What it may send at most.
    ///   - held: Bytes that nobody has taken yet, and that are granted again only then.
    package static func increment(current: Int, target: Int, held: Int) -> Int? {
        let missing = target - held - current
        return missing >= target / 2 ? missing : nil
    }
}
